"""The methods a bot calls, and Telegram's refusals, as the unmodified client meets them."""

from __future__ import annotations

import asyncio
import io
import struct
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyrogram import enums, errors, raw
from pyrogram.types import (
    BotCommand,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaDocument,
    InputMediaPhoto,
    MessageEntity,
)

from tests.telegram.accounts import access_hash
from tests.telegram.center import DataCenter
from tests.telegram.client import Pyrogram, client_of
from tests.telegram.limits import Limits
from tests.telegram.phone import Phone


def png(width: int = 40, height: int = 30, shade: int = 0) -> bytes:
    """A grey picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\x00" + bytes([shade]) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def file(data: bytes, name: str) -> io.BytesIO:
    opened = io.BytesIO(data)
    opened.name = name
    return opened


def keyboard(*rows: tuple[str, bytes | str]) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton(text, callback_data=data)] for text, data in rows])


def sending(phone: Phone, text: str = "text", random_id: int = 1) -> Any:  # a tree of optional fields
    peer = raw.types.InputPeerUser(user_id=phone.id, access_hash=access_hash(phone.id))
    return raw.functions.messages.SendMessage(peer=peer, message=text, random_id=random_id)


@pytest.fixture
def anna(center: DataCenter) -> Phone:
    return center.user("Anna", started=True)


async def test_a_wrong_token_is_refused(center: DataCenter) -> None:
    client = client_of(center, token="5900000001:wrong")
    with pytest.raises(errors.AccessTokenInvalid):
        await client.start()


async def test_the_bot_knows_itself(bot: Pyrogram) -> None:
    me = await bot.get_me()
    assert me.is_bot
    assert me.is_self
    full = await bot.invoke(raw.functions.users.GetFullUser(id=raw.types.InputUserSelf()))
    assert full.full_user.id == me.id


async def test_a_text_arrives_with_its_formatting_and_keyboard(bot: Pyrogram, anna: Phone) -> None:
    sent = await bot.send_message(
        anna.id, "<b>Да</b> 🙂 <i>нет</i>", parse_mode=enums.ParseMode.HTML, reply_markup=keyboard(("Go", b"go"))
    )
    shown = anna.last
    assert (shown.id, shown.text) == (sent.id, "Да 🙂 нет")
    bold, italic = shown.entities
    assert (bold.offset, bold.length) == (0, 2)
    assert (italic.offset, italic.length) == (6, 3)
    assert [[button.data for button in row] for row in shown.buttons] == [[b"go"]]


async def test_entities_are_measured_in_utf16_and_checked(bot: Pyrogram, anna: Phone) -> None:
    def bold(offset: int, length: int) -> list[MessageEntity]:
        return [MessageEntity(type=enums.MessageEntityType.BOLD, offset=offset, length=length)]

    await bot.send_message(anna.id, "🙂🙂", entities=bold(0, 4))
    for offset, length in ((0, 5), (-1, 2), (4, 1), (0, 0)):
        with pytest.raises(errors.EntityBoundsInvalid):
            await bot.send_message(anna.id, "🙂🙂", entities=bold(offset, length))


@pytest.mark.parametrize(
    ("text", "error"),
    [("", errors.MessageEmpty), ("  \n ", errors.MessageEmpty), ("x" * 4097, errors.MessageTooLong)],
)
async def test_a_text_has_1_to_4096_characters(bot: Pyrogram, anna: Phone, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await bot.invoke(sending(anna, text))
    await bot.invoke(sending(anna, "я" * 4096))


async def test_callback_data_has_1_to_64_bytes(bot: Pyrogram, anna: Phone) -> None:
    await bot.send_message(anna.id, "text", reply_markup=keyboard(("Go", b"x" * 64)))
    for data in (b"x" * 65, b""):
        button = raw.types.KeyboardButtonCallback(text="Go", data=data)
        markup = raw.types.ReplyInlineMarkup(rows=[raw.types.KeyboardButtonRow(buttons=[button])])
        call = sending(anna, random_id=5)
        call.reply_markup = markup
        with pytest.raises(errors.ButtonDataInvalid):
            await bot.invoke(call)


async def test_a_random_id_is_taken_once_for_all_chats(center: DataCenter, bot: Pyrogram, anna: Phone) -> None:
    boris = center.user("Boris", started=True)
    await bot.invoke(sending(anna, random_id=77))
    for phone in (anna, boris):
        with pytest.raises(errors.RandomIdDuplicate) as refused:
            await bot.invoke(sending(phone, random_id=77), retries=0)
        assert refused.value.CODE == 500
    assert center.deliveries() == {anna.id: (77,)}
    assert center.counts["RANDOM_ID_DUPLICATE"] == 2


async def test_a_refused_message_leaves_its_random_id_free(bot: Pyrogram, anna: Phone) -> None:
    anna.block()
    with pytest.raises(errors.UserIsBlocked):
        await bot.invoke(sending(anna, random_id=5))
    anna.unblock()
    await bot.invoke(sending(anna, random_id=5))
    assert anna.random_ids == (5,)


async def test_who_blocked_or_left_or_never_came_is_refused(center: DataCenter, bot: Pyrogram) -> None:
    blocked, gone = center.user("Blocked", started=True), center.user("Gone", started=True)
    blocked.block()
    gone.delete_account()
    with pytest.raises(errors.UserIsBlocked) as refused:
        await bot.invoke(sending(blocked))
    assert refused.value.CODE == 400
    with pytest.raises(errors.InputUserDeactivated):
        await bot.invoke(sending(gone))
    with pytest.raises(errors.PeerIdInvalid):
        await bot.invoke(sending(center.user("Stranger")))
    with pytest.raises(errors.PeerIdInvalid):
        await bot.send_message(123456, "text")


async def test_an_access_hash_of_zero_does_for_whom_the_bot_knows(bot: Pyrogram, anna: Phone) -> None:
    call = sending(anna)
    call.peer.access_hash = 0
    await bot.invoke(call)
    call.random_id, call.peer.access_hash = 2, 1
    with pytest.raises(errors.PeerIdInvalid):
        await bot.invoke(call)


async def test_more_than_thirty_messages_a_second_earn_a_flood_wait(center: DataCenter, bot: Pyrogram) -> None:
    people = [center.user(f"User {number}", started=True) for number in range(40)]
    calls = (bot.invoke(sending(one, random_id=place + 1), sleep_threshold=0) for place, one in enumerate(people))
    results = await asyncio.gather(*calls, return_exceptions=True)
    refused = [result for result in results if isinstance(result, errors.FloodWait)]
    assert 0 < len(refused) <= 10
    assert refused[0].value >= 1
    assert center.counts["sent"] == 40 - len(refused)


async def test_a_burst_to_one_chat_earns_a_flood_wait(center: DataCenter, bot: Pyrogram, anna: Phone) -> None:
    center.limits = replace(Limits(), chat_burst=3)
    for number in range(3):
        await bot.invoke(sending(anna, random_id=number + 1))
    with pytest.raises(errors.FloodWait):
        await bot.invoke(sending(anna, random_id=9), sleep_threshold=0)
    center.limits = Limits.lifted()
    await bot.invoke(sending(anna, random_id=9))


async def test_a_flood_wait_can_be_ordered(center: DataCenter, bot: Pyrogram, anna: Phone) -> None:
    center.flood_next(60, "messages.sendMessage")
    await bot.get_me()
    with pytest.raises(errors.FloodWait) as refused:
        await bot.invoke(sending(anna))
    assert refused.value.value == 60
    await bot.invoke(sending(anna))


async def test_edits_have_a_bucket_of_their_own(center: DataCenter, bot: Pyrogram, anna: Phone) -> None:
    center.limits = replace(Limits(), messages_burst=1, chat_burst=1, chat_edits_burst=5)
    sent = await bot.send_message(anna.id, "0")
    for number in range(5):
        await bot.edit_message_text(anna.id, sent.id, f"{number + 1}")
    bot.sleep_threshold = 0
    with pytest.raises(errors.FloodWait):
        await bot.edit_message_text(anna.id, sent.id, "6")


async def test_a_message_is_edited_in_place(bot: Pyrogram, anna: Phone) -> None:
    sent = await bot.send_message(anna.id, "before", reply_markup=keyboard(("A", b"a")))
    await bot.edit_message_reply_markup(anna.id, sent.id, keyboard(("B", b"b")))
    assert anna.last.button("B") is not None
    assert not anna.last.edited
    await bot.edit_message_text(anna.id, sent.id, "after")
    assert (anna.last.id, anna.last.text, anna.last.buttons) == (sent.id, "after", ())
    assert anna.last.edited


async def test_what_may_not_be_edited_is_refused(bot: Pyrogram, anna: Phone, center: DataCenter) -> None:
    boris = center.user("Boris", started=True)
    sent = await bot.send_message(anna.id, "same", reply_markup=keyboard(("A", b"a")))
    theirs = anna.write("mine")
    with pytest.raises(errors.MessageNotModified):
        await bot.edit_message_text(anna.id, sent.id, "same", reply_markup=keyboard(("A", b"a")))
    with pytest.raises(errors.MessageAuthorRequired):
        await bot.edit_message_text(anna.id, theirs, "other")
    for chat, message_id in ((anna, 999), (boris, sent.id)):
        with pytest.raises(errors.MessageIdInvalid):
            await bot.edit_message_text(chat.id, message_id, "other")
    with pytest.raises(errors.MessageTooLong):
        await bot.edit_message_text(anna.id, sent.id, "x" * 4097)


async def test_deleted_messages_are_gone_from_the_phone(bot: Pyrogram, anna: Phone) -> None:
    first = await bot.send_message(anna.id, "one")
    second = await bot.send_message(anna.id, "two")
    assert await bot.delete_messages(anna.id, [first.id, second.id]) == 2
    assert anna.chat == ()
    with pytest.raises(errors.MessageIdInvalid):
        await bot.edit_message_text(anna.id, first.id, "other")


async def test_messages_are_read_by_their_ids(bot: Pyrogram, anna: Phone) -> None:
    mine = anna.write("from me")
    sent = await bot.send_message(anna.id, "from the bot", reply_to_message_id=mine)
    one, two, missing = await bot.get_messages(anna.id, [mine, sent.id, 999])
    assert (one.text, one.from_user.id, one.outgoing) == ("from me", anna.id, False)
    assert (two.text, two.from_user.id, two.outgoing) == ("from the bot", bot.me.id, True)
    assert two.chat.id == anna.id
    assert missing.empty


async def test_photos_go_up_and_down_and_are_sent_again_by_their_id(bot: Pyrogram, anna: Phone) -> None:
    picture = png()
    sent = await bot.send_photo(anna.id, file(picture, "a.png"), caption="<b>look</b>", parse_mode=enums.ParseMode.HTML)
    assert (anna.last.photo, anna.last.text) == (picture, "look")
    assert (sent.photo.width, sent.photo.height) == (40, 30)
    await bot.send_photo(anna.id, sent.photo.file_id)
    assert [shown.photo for shown in anna.chat] == [picture, picture]
    mine = anna.send_photo(png(shade=9), "mine")
    got = await bot.download_media(await bot.get_messages(anna.id, mine), in_memory=True)
    assert got.getvalue() == png(shade=9)


async def test_a_document_of_many_parts_goes_up_and_down(bot: Pyrogram, anna: Phone) -> None:
    data = bytes(range(256)) * 9000  # 2.3 MB
    sent = await bot.send_document(anna.id, file(data, "export.json"), force_document=True)
    document = anna.last.document
    assert document is not None
    assert (document.name, document.data) == ("export.json", data)
    got = await bot.download_media(sent, in_memory=True)
    assert got.getvalue() == data


async def test_a_document_above_ten_megabytes_goes_up_by_big_parts(bot: Pyrogram, anna: Phone) -> None:
    data = bytes(11 << 20)
    await bot.send_document(anna.id, file(data, "big.bin"), force_document=True)
    document = anna.last.document
    assert document is not None
    assert len(document.data) == len(data)


async def test_media_is_edited(bot: Pyrogram, anna: Phone, tmp_path: Path) -> None:
    sent = await bot.send_photo(anna.id, file(png(), "a.png"), caption="before")
    await bot.edit_message_media(anna.id, sent.id, InputMediaPhoto(file(png(shade=5), "b.png"), caption="after"))
    assert (anna.last.photo, anna.last.text) == (png(shade=5), "after")
    await bot.edit_message_caption(anna.id, sent.id, "caption")
    assert (anna.last.photo, anna.last.text) == (png(shade=5), "caption")
    (tmp_path / "c.txt").write_bytes(b"data")
    await bot.edit_message_media(anna.id, sent.id, InputMediaDocument(str(tmp_path / "c.txt")))
    assert anna.last.photo is None
    assert anna.last.document is not None


async def test_captions_have_up_to_1024_characters_and_a_photo_is_a_picture(bot: Pyrogram, anna: Phone) -> None:
    with pytest.raises(errors.MediaCaptionTooLong):
        await bot.send_photo(anna.id, file(png(), "a.png"), caption="x" * 1025)
    with pytest.raises(errors.ImageProcessFailed):
        await bot.send_photo(anna.id, file(b"no picture at all" * 9, "a.png"))
    with pytest.raises(errors.PhotoInvalidDimensions):
        await bot.send_photo(anna.id, file(png(2000, 1), "a.png"))


async def test_a_part_that_was_not_sent_is_missing(bot: Pyrogram, anna: Phone) -> None:
    media = raw.types.InputMediaUploadedPhoto(file=raw.types.InputFile(id=1, parts=2, name="a.png", md5_checksum=""))
    peer = raw.types.InputPeerUser(user_id=anna.id, access_hash=0)
    call = raw.functions.messages.SendMedia(peer=peer, media=media, message="", random_id=1)
    with pytest.raises(errors.FilePartMissing) as refused:
        await bot.invoke(call)
    assert int(refused.value.value) == 0


async def test_commands_are_kept_for_each_language_and_scope(center: DataCenter, bot: Pyrogram) -> None:
    await bot.set_bot_commands([BotCommand("start", "Начать")], language_code="ru")
    await bot.set_bot_commands([BotCommand("start", "Begin"), BotCommand("help", "Help")])
    assert center.commands("ru") == {"start": "Начать"}
    assert list(center.commands()) == ["start", "help"]
    assert [command.description for command in await bot.get_bot_commands(language_code="ru")] == ["Начать"]
    await bot.delete_bot_commands(language_code="ru")
    assert center.commands("ru") == {}


async def test_typing_is_taken(bot: Pyrogram, anna: Phone) -> None:
    assert await bot.send_chat_action(anna.id, enums.ChatAction.TYPING)


async def test_the_log_and_the_counts_tell_what_was_called(center: DataCenter, bot: Pyrogram, anna: Phone) -> None:
    before = time.monotonic()
    await bot.invoke(sending(anna))
    with pytest.raises(errors.RandomIdDuplicate):
        await bot.invoke(sending(anna), retries=0)
    sent, refused = center.log[-2:]
    assert (sent.method, sent.chat, sent.error) == ("messages.sendMessage", anna.id, "")
    assert refused.error == "RANDOM_ID_DUPLICATE"
    assert before <= sent.time <= refused.time
    assert center.counts["sent"] == 1


async def test_message_ids_grow_over_all_chats_of_the_bot(center: DataCenter, bot: Pyrogram) -> None:
    ids = []
    for number in range(3):
        phone = center.user(f"User {number}")
        ids.append(phone.write("hello"))
        ids.append((await bot.send_message(phone.id, "hello")).id)
    assert ids == sorted(set(ids))
