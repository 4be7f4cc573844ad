"""Scripted users: what they do reaches the bot, and they see what a phone would show."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pyrogram
import pytest
from pyrogram import enums, errors, raw
from pyrogram.handlers import CallbackQueryHandler, MessageHandler
from pyrogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message, ReplyKeyboardMarkup

from tests.telegram.center import DataCenter
from tests.telegram.client import Pyrogram, client_of
from tests.telegram.phone import Answer, Button, Phone
from tests.telegram.test_api import file, png

Handler = Callable[[pyrogram.Client, Any], Awaitable[None]]


@pytest.fixture
def anna(center: DataCenter) -> Phone:
    return center.user("Anna", language="en")


async def hear(bot: Pyrogram, message: Handler | None = None, press: Handler | None = None) -> None:
    if message is not None:
        bot.add_handler(MessageHandler(message))
    if press is not None:
        bot.add_handler(CallbackQueryHandler(press))
    await asyncio.sleep(0)  # Pyrogram takes handlers on in tasks of their own
    await asyncio.sleep(0)


async def heard(bot: Pyrogram) -> asyncio.Queue[Any]:
    """The messages that the bot gets."""
    queue: asyncio.Queue[Any] = asyncio.Queue(100)

    async def note(client: pyrogram.Client, message: Message) -> None:
        await queue.put(message)

    await hear(bot, note)
    return queue


async def next_of(queue: asyncio.Queue[Any]) -> Any:
    return await asyncio.wait_for(queue.get(), 10)


async def test_a_text_reaches_the_bot_with_its_sender(bot: Pyrogram, anna: Phone) -> None:
    queue = await heard(bot)
    message_id = anna.write("/start subject_biology")
    message = await next_of(queue)
    assert (message.id, message.text, message.chat.id) == (message_id, "/start subject_biology", anna.id)
    assert (message.from_user.id, message.from_user.first_name) == (anna.id, "Anna")
    assert message.from_user.language_code == "en"
    assert message.entities[0].type is enums.MessageEntityType.BOT_COMMAND
    assert not message.outgoing


async def test_everything_a_user_may_send_reaches_the_bot(bot: Pyrogram, anna: Phone) -> None:
    queue = await heard(bot)
    bold = raw.types.MessageEntityBold(offset=0, length=4)
    anna.write("bold", [bold])
    assert (await next_of(queue)).entities[0].type is enums.MessageEntityType.BOLD
    anna.send_photo(png(), "caption")
    message = await next_of(queue)
    assert (message.photo.width, message.caption) == (40, "caption")
    anna.send_sticker()
    assert (await next_of(queue)).sticker.emoji == "🙂"
    anna.send_voice()
    assert (await next_of(queue)).voice.duration == 3
    anna.send_document(b"a,b", "table.csv", "text/csv")
    assert (await next_of(queue)).document.file_name == "table.csv"
    anna.forward("from elsewhere")
    assert (await next_of(queue)).forward_sender_name
    anna.send_album([png(), png(shade=3)], "two")
    one, two = await next_of(queue), await next_of(queue)
    assert one.media_group_id == two.media_group_id
    assert one.forward_date is not None


async def test_a_press_waits_for_its_button_and_returns_the_answer(bot: Pyrogram, anna: Phone) -> None:
    async def greet(client: pyrogram.Client, message: Message) -> None:
        markup = InlineKeyboardMarkup([[InlineKeyboardButton("Go on", callback_data="go")]])
        await message.reply("Hello", reply_markup=markup)

    async def pressed(client: pyrogram.Client, query: CallbackQuery) -> None:
        assert query.from_user.id == anna.id
        assert query.data == "go"
        await query.edit_message_text("Gone")
        await query.answer("done", show_alert=True)

    await hear(bot, greet, pressed)
    anna.write("/start")
    assert await anna.press("Go") == Answer("done", True, None)
    shown = await anna.sees("Gone")
    assert shown.edited
    assert anna.alerts == (Answer("done", True, None),)
    assert anna.spinning == ()


async def test_a_press_that_is_not_answered_keeps_spinning_and_fails_the_test(bot: Pyrogram, anna: Phone) -> None:
    anna.write("/start")
    sent = await bot.send_message(anna.id, "Hello")
    press = anna.tap_data(sent.id, b"\xff\x00forged")
    assert anna.spinning == (press,)
    with pytest.raises(AssertionError, match="forged"):
        await anna.answered(timeout=0.05)
    await bot.answer_callback_query(str(press.id))
    assert await press.answered() == Answer(None, False, None)


async def test_a_press_is_answered_once_and_in_time(center: DataCenter, bot: Pyrogram, anna: Phone) -> None:
    first, late = anna.tap_data(1, b"one"), anna.tap_data(1, b"two")
    await bot.answer_callback_query(str(first.id))
    with pytest.raises(errors.QueryIdInvalid):
        await bot.answer_callback_query(str(first.id))
    center.bot.queries[late.id].at -= center.limits.query_seconds + 1
    with pytest.raises(errors.QueryIdInvalid):
        await bot.answer_callback_query(str(late.id))
    with pytest.raises(errors.QueryIdInvalid):
        await bot.answer_callback_query("12345")
    assert anna.spinning == (late,)


async def test_sees_takes_no_old_message_for_a_new_one(bot: Pyrogram, anna: Phone) -> None:
    anna.write("one")
    await bot.send_message(anna.id, "Menu")
    await anna.sees("Menu")
    anna.write("two")
    with pytest.raises(AssertionError, match="Menu"):
        await anna.sees("Menu", timeout=0.05)
    assert anna.find("Menu") is not None
    await bot.edit_message_text(anna.id, anna.last.id, "Menu again")
    assert (await anna.sees(lambda shown: shown.edited)).text == "Menu again"


async def test_what_a_test_waited_for_in_vain_shows_the_chat(bot: Pyrogram, anna: Phone) -> None:
    anna.write("hello")
    await bot.send_message(
        anna.id, "Choose", reply_markup=InlineKeyboardMarkup([[InlineKeyboardButton("Left", callback_data="l")]])
    )
    with pytest.raises(AssertionError) as failure:
        await anna.sees("something else", timeout=0.05)
    for part in ("something else", "hello", "Choose", "[Left]"):
        assert part in str(failure.value)
    with pytest.raises(AssertionError, match="Right"):
        anna.tap("Right")


async def test_links_open_and_keys_of_a_reply_keyboard_write(bot: Pyrogram, anna: Phone) -> None:
    queue = await heard(bot)
    anna.write("/start")
    await next_of(queue)
    link = InlineKeyboardButton("Site", url="https://example.org")
    await bot.send_message(anna.id, "Link", reply_markup=InlineKeyboardMarkup([[link]]))
    assert (await anna.press("Site")).url == "https://example.org"
    await bot.send_message(anna.id, "Keys", reply_markup=ReplyKeyboardMarkup([["Yes", "No"]]))
    assert anna.last.buttons == ((Button("Yes"), Button("No")),)
    await anna.press("No")
    assert (await next_of(queue)).text == "No"


async def test_a_user_who_blocked_the_bot_writes_only_after_unblocking(bot: Pyrogram, anna: Phone) -> None:
    anna.write("/start")
    anna.block()
    with pytest.raises(AssertionError):
        anna.write("hello")
    anna.unblock()
    anna.write("hello")
    await bot.send_message(anna.id, "welcome back")


async def test_a_message_deleted_by_its_user_is_gone(bot: Pyrogram, anna: Phone) -> None:
    anna.write("/start")
    sent = await bot.send_message(anna.id, "Menu")
    anna.delete_message(sent.id)
    assert anna.find("Menu") is None
    with pytest.raises(errors.MessageIdInvalid):
        await bot.edit_message_text(anna.id, sent.id, "Menu again")


async def test_a_group_adds_the_bot_talks_and_is_left(center: DataCenter, bot: Pyrogram, anna: Phone) -> None:
    queue = await heard(bot)
    group = center.group_adds_bot("9Б", by=anna)
    joined = await next_of(queue)
    assert joined.service is enums.MessageServiceType.NEW_CHAT_MEMBERS
    assert [member.id for member in joined.new_chat_members] == [bot.me.id]
    group.write(anna, "hello all")
    message = await next_of(queue)
    assert (message.chat.id, message.from_user.id) == (-group.id, anna.id)
    await message.reply("no groups", quote=False)
    assert group.last.text == "no groups"
    await bot.leave_chat(message.chat.id)
    assert group.bot_left
    with pytest.raises(errors.ChatWriteForbidden):
        await bot.send_message(message.chat.id, "still here?")


async def test_updates_go_to_the_bot_s_main_session_and_not_to_those_for_files(bot: Pyrogram, anna: Phone) -> None:
    queue = await heard(bot)
    anna.write("/start")
    await next_of(queue)
    for _ in range(2):
        await bot.send_photo(anna.id, file(png(), "a.png"))
    anna.write("once")
    assert (await next_of(queue)).text == "once"
    await bot.send_message(anna.id, "marker")
    assert queue.empty()


async def test_every_client_that_signed_in_gets_the_updates(center: DataCenter, bot: Pyrogram, anna: Phone) -> None:
    async with client_of(center, "second") as second:
        queues = [await heard(one) for one in (bot, second)]
        anna.write("to both")
        for queue in queues:
            assert (await next_of(queue)).text == "to both"


async def test_what_came_while_no_client_was_there_waits_for_the_difference(center: DataCenter, anna: Phone) -> None:
    async with client_of(center) as bot:
        pts = (await bot.invoke(raw.functions.updates.GetState())).pts
    anna.write("anybody?")
    async with client_of(center, "later") as bot:
        queue = await heard(bot)
        told = await bot.invoke(raw.functions.updates.GetDifference(pts=pts, date=1, qts=0))
        assert [message.message for message in told.new_messages] == ["anybody?"]
        anna.write("hello?")
        assert (await next_of(queue)).text == "hello?"
