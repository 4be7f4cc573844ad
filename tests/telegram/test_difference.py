"""Updates by pts, and the difference after a gap."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pyrogram import errors, raw
from pyrogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from tests.telegram.center import DataCenter
from tests.telegram.client import Pyrogram
from tests.telegram.limits import Limits


async def difference(bot: Pyrogram, pts: int, qts: int = 0) -> Any:  # one of four constructors
    return await bot.invoke(raw.functions.updates.GetDifference(pts=pts, date=1, qts=qts))


async def state(bot: Pyrogram) -> raw.types.updates.State:
    told: raw.types.updates.State = await bot.invoke(raw.functions.updates.GetState())
    return told


async def test_nothing_new_is_an_empty_difference(bot: Pyrogram) -> None:
    told = await difference(bot, (await state(bot)).pts)
    assert isinstance(told, raw.types.updates.DifferenceEmpty)


async def test_each_event_takes_one_pts_and_comes_in_the_difference(center: DataCenter, bot: Pyrogram) -> None:
    before = await state(bot)
    anna = center.user("Anna")
    anna.write("hello")
    sent = await bot.send_message(anna.id, "hi")
    between = await state(bot)
    assert between.pts == before.pts + 2
    await bot.edit_message_text(anna.id, sent.id, "hi again")
    await bot.delete_messages(anna.id, [1, sent.id])
    after = await state(bot)
    assert after.pts == between.pts + 1 + 2
    told = await difference(bot, before.pts)
    assert isinstance(told, raw.types.updates.Difference)
    assert told.new_messages == []
    assert [type(update).__name__ for update in told.other_updates] == ["UpdateDeleteMessages"]
    deletion: Any = told.other_updates[0]  # one of a hundred kinds
    assert deletion.pts == told.state.pts == after.pts


async def test_the_difference_tells_new_messages_edits_and_who_is_who(center: DataCenter, bot: Pyrogram) -> None:
    anna = center.user("Anna")
    anna.write("/start")
    sent = await bot.send_message(anna.id, "old")
    before = await state(bot)
    anna.write("while you were away")
    await bot.edit_message_text(anna.id, sent.id, "edited")
    told = await difference(bot, before.pts)
    assert [message.message for message in told.new_messages] == ["while you were away"]
    assert [update.message.message for update in told.other_updates] == ["edited"]
    assert {user.id for user in told.users} == {anna.id, bot.me.id}


async def test_a_long_difference_comes_in_slices(center: DataCenter, bot: Pyrogram) -> None:
    center.limits = replace(Limits(), difference=10)
    pts = (await state(bot)).pts
    anna = center.user("Anna")
    written = [anna.write(f"{number}") for number in range(25)]
    got: list[int] = []
    slices = 0
    while isinstance(told := await difference(bot, pts), raw.types.updates.DifferenceSlice):
        got += [message.id for message in told.new_messages]
        pts = told.intermediate_state.pts
        slices += 1
    got += [message.id for message in told.new_messages]
    assert got == written
    assert slices == 2
    assert told.state.pts == (await state(bot)).pts


async def test_a_pressed_button_comes_in_the_difference_until_it_is_answered(center: DataCenter, bot: Pyrogram) -> None:
    anna = center.user("Anna", started=True)
    button = InlineKeyboardButton("Go", callback_data="go")
    await bot.send_message(anna.id, "press", reply_markup=InlineKeyboardMarkup([[button]]))
    press = anna.tap("Go")
    pts = (await state(bot)).pts
    for _ in range(2):
        told = await difference(bot, pts)
        assert [update.query_id for update in told.other_updates] == [press.id]
        assert anna.id in {user.id for user in told.users}
    await bot.answer_callback_query(str(press.id))
    assert isinstance(await difference(bot, pts), raw.types.updates.DifferenceEmpty)


async def test_a_block_comes_by_qts(center: DataCenter, bot: Pyrogram) -> None:
    anna = center.user("Anna", started=True)
    before = await state(bot)
    anna.block()
    after = await state(bot)
    told = await difference(bot, before.pts, before.qts)
    assert [(update.user_id, update.stopped) for update in told.other_updates] == [(anna.id, True)]
    assert isinstance(await difference(bot, after.pts, after.qts), raw.types.updates.DifferenceEmpty)


async def test_a_pts_from_the_future_is_refused(bot: Pyrogram) -> None:
    with pytest.raises(errors.PersistentTimestampInvalid):
        await difference(bot, 1_000_000)
