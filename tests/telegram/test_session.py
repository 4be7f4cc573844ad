"""Encrypted messages: salts, numbers, containers, acks, and connections that come and go."""

from __future__ import annotations

import asyncio
import logging
import time

import pyrogram
import pytest
from pyrogram import raw
from pyrogram.errors import AuthKeyUnregistered, InputMethodInvalid
from pyrogram.raw.core import FutureSalts, GzipPacked, MsgContainer

from tests.telegram.bare import BareClient, first
from tests.telegram.center import DataCenter
from tests.telegram.client import Pyrogram
from tests.telegram.limits import Limits


def ping(number: int = 1) -> raw.functions.Ping:
    return raw.functions.Ping(ping_id=number)


async def test_a_new_session_is_announced_once(center: DataCenter, bare: BareClient) -> None:
    announced = [m.body for m in bare.received if isinstance(m.body, raw.types.NewSessionCreated)]
    assert len(announced) == 1
    assert announced[0].server_salt == bare.salt


async def test_a_wrong_salt_is_told_the_right_one(center: DataCenter, bare: BareClient) -> None:
    center.rotate_salts()
    notice = await bare.answer(bare.message(ping()))
    assert isinstance(notice, raw.types.BadServerSalt)
    bare.salt = notice.new_server_salt
    assert isinstance(await bare.answer(bare.message(ping())), raw.types.Pong)


async def test_pyrogram_goes_on_after_its_salt_has_changed(center: DataCenter, bot: Pyrogram) -> None:
    anna = center.user("Anna", started=True)
    center.rotate_salts()
    await asyncio.gather(*(bot.send_message(anna.id, str(number)) for number in range(5)))
    assert sorted(shown.text for shown in anna.chat) == list("01234")


@pytest.mark.parametrize(
    ("later", "bits", "seqno", "content", "code"),
    [
        (0, 2, None, True, 18),
        (-1000, 0, None, True, 16),
        (1000, 0, None, True, 17),
        (None, 0, 1, True, 32),
        (None, 0, 100, True, 35),
    ],
    ids=["no id of a client", "too old", "from the future", "an old number", "a number too high"],
)
async def test_wrong_ids_and_numbers_are_told(
    bare: BareClient, later: int | None, bits: int, seqno: int | None, content: bool, code: int
) -> None:
    message_id = 0 if later is None else (int(time.time() + later) << 32) + bits
    await bare.answer(bare.message(raw.functions.help.GetConfig()))
    message = bare.message(raw.functions.help.GetConfig(), content=content, message_id=message_id, seqno=seqno)
    notice = await bare.answer(message)
    assert isinstance(notice, raw.types.BadMsgNotification)
    assert notice.error_code == code


async def test_an_ack_with_an_odd_number_and_an_older_id_with_a_higher_number_are_told(bare: BareClient) -> None:
    ack = await bare.answer(bare.message(raw.types.MsgsAck(msg_ids=[4])))
    assert isinstance(ack, raw.types.BadMsgNotification)
    assert ack.error_code == 34
    old = bare.message(raw.functions.help.GetConfig(), seqno=99)
    await bare.answer(bare.message(raw.functions.help.GetConfig()))
    notice = await bare.answer(old)
    assert isinstance(notice, raw.types.BadMsgNotification)
    assert notice.error_code == 33


async def test_a_container_is_answered_message_by_message(bare: BareClient) -> None:
    one, two = bare.message(ping(1)), bare.message(raw.functions.help.GetConfig())
    await bare.send(one, two)
    assert isinstance(await bare.answer_to(one.msg_id), raw.types.Pong)
    answers = [getattr(m.body, "req_msg_id", None) for m in bare.received]
    assert two.msg_id in answers


async def test_a_container_in_a_container_and_one_that_lies_about_its_size_harm_nothing(bare: BareClient) -> None:
    inside = bare.message(MsgContainer([bare.message(ping())]), content=False)
    await bare.send(inside, bare.message(ping(2)))
    await bare.more()
    assert isinstance(await bare.answer(bare.message(ping(3))), raw.types.Pong)


async def test_a_packed_request_is_unpacked(bare: BareClient) -> None:
    answer = await bare.answer(bare.message(GzipPacked(raw.functions.help.GetConfig())))
    assert isinstance(answer, raw.types.Config)


async def test_a_long_result_comes_packed_and_pyrogram_reads_it(center: DataCenter, bot: Pyrogram) -> None:
    center.limits = Limits.lifted()
    anna = center.user("Anna")
    for number in range(50):
        anna.write(f"message {number}")
    difference = await bot.invoke(raw.functions.updates.GetDifference(pts=1, date=1, qts=0))
    assert len(difference.new_messages) == 50


async def test_a_message_that_comes_twice_is_done_once_and_answered_again(center: DataCenter, bare: BareClient) -> None:
    message = bare.message(raw.functions.help.GetConfig())
    await bare.answer(message)
    calls = len(center.log)
    again = await bare.answer(message)
    assert isinstance(again, raw.types.Config)
    assert len(center.log) == calls


async def test_what_was_not_acked_comes_again_over_the_next_connection(center: DataCenter, bare: BareClient) -> None:
    one = bare.message(raw.functions.help.GetConfig())
    two = bare.message(raw.functions.help.GetConfig())
    await bare.answer(one)
    await bare.answer(two)
    sent = {m.body.req_msg_id: m.msg_id for m in bare.received if isinstance(m.body, raw.types.RpcResult)}
    await bare.send(bare.message(raw.types.MsgsAck(msg_ids=[sent[one.msg_id]]), content=False))
    await bare.answer(bare.message(ping()))
    async with BareClient(center, bare.key) as next_one:
        next_one.salt = bare.salt
        await next_one.send(bare.message(ping(9), content=False))
        messages = await next_one.more()
    again = {m.msg_id for m in messages}
    assert sent[two.msg_id] in again
    assert sent[one.msg_id] not in again
    assert [m.msg_id for m in messages] == sorted(again)


async def test_the_calls_about_messages_themselves_are_answered(bare: BareClient) -> None:
    salts = await bare.answer(bare.message(raw.functions.GetFutureSalts(num=2)))
    assert isinstance(salts, FutureSalts)
    assert salts.salts[0].salt == bare.salt
    dropped = await bare.answer(bare.message(raw.functions.RpcDropAnswer(req_msg_id=4)))
    assert isinstance(dropped, raw.types.RpcAnswerUnknown)
    pinged = await bare.answer(bare.message(raw.functions.PingDelayDisconnect(ping_id=1, disconnect_delay=60)))
    assert isinstance(pinged, raw.types.Pong)


async def test_a_client_that_pings_no_more_is_disconnected(bare: BareClient) -> None:
    await bare.answer(bare.message(raw.functions.PingDelayDisconnect(ping_id=1, disconnect_delay=1)))
    assert await bare.packet() is None


async def test_nothing_is_answered_before_init_connection_and_without_authorization(
    center: DataCenter, bare: BareClient
) -> None:
    error = await bare.answer(bare.message(raw.functions.updates.GetState()))
    assert isinstance(error, raw.types.RpcError)
    assert (error.error_code, error.error_message) == (401, AuthKeyUnregistered.ID)
    async with BareClient(center, bare.key, b"session2") as other:
        other.salt = bare.salt
        error = await other.answer(other.message(raw.functions.help.GetConfig()))
        assert isinstance(error, raw.types.RpcError)
        assert error.error_message == "CONNECTION_NOT_INITED"
        error = await other.answer(other.message(first(center, api_id=1)))
        assert isinstance(error, raw.types.RpcError)
        assert error.error_message == "CONNECTION_API_ID_INVALID"


async def test_a_method_that_is_not_there_is_refused_at_once(bot: Pyrogram) -> None:
    with pytest.raises(InputMethodInvalid):
        await bot.invoke(raw.functions.messages.GetDialogFilters())


async def test_pyrogram_comes_back_after_dropped_connections_with_the_same_key(
    center: DataCenter, bot: Pyrogram
) -> None:
    anna = center.user("Anna", started=True)
    for number in range(3):
        center.drop_connections()
        await center.online()
        await bot.send_message(anna.id, f"after drop {number}")
    assert [shown.text for shown in anna.chat] == [f"after drop {number}" for number in range(3)]
    assert center.counts["AUTH_KEY_UNREGISTERED"] == 0


async def test_pyrogram_comes_back_when_the_centre_was_down(
    center: DataCenter, bot: Pyrogram, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "pyrogram")
    anna = center.user("Anna", started=True)
    await center.down(0.5)
    await center.online()
    await bot.send_message(anna.id, "here again")
    assert anna.last.text == "here again"


async def test_an_update_that_was_lost_with_its_connection_comes_again(center: DataCenter, bot: Pyrogram) -> None:
    seen: asyncio.Queue[str] = asyncio.Queue(10)

    async def note(client: pyrogram.Client, update: object, users: object, chats: object) -> None:
        if isinstance(update, raw.types.UpdateNewMessage) and isinstance(update.message, raw.types.Message):
            await seen.put(update.message.message)

    bot.add_handler(pyrogram.handlers.RawUpdateHandler(note))
    await asyncio.sleep(0)
    anna = center.user("Anna")
    anna.write("on its way")
    center.drop_connections()
    await center.online()
    assert await asyncio.wait_for(seen.get(), 10) == "on its way"


async def test_an_answer_that_was_lost_with_its_connection_comes_again(center: DataCenter, bot: Pyrogram) -> None:
    anna = center.user("Anna", started=True)
    center.lose_next_answer("messages.sendMessage")
    sent = await bot.send_message(anna.id, "once")
    assert [shown.id for shown in anna.chat] == [sent.id]
    assert center.counts == {"sent": 1}


async def test_a_message_whose_answer_was_lost_is_a_duplicate_for_the_next_session(
    center: DataCenter, bare: BareClient
) -> None:
    anna = center.user("Anna", started=True)
    sign_in = raw.functions.auth.ImportBotAuthorization(
        flags=0, api_id=center.api_id, api_hash=center.api_hash, bot_auth_token=center.bot_token
    )
    await bare.answer(bare.message(sign_in))
    peer = raw.types.InputPeerUser(user_id=anna.id, access_hash=0)
    send = raw.functions.messages.SendMessage(peer=peer, message="once", random_id=7)
    center.lose_next_answer("messages.sendMessage")
    await bare.send(bare.message(send))
    assert await bare.packet() is None
    async with BareClient(center, bare.key, b"session2") as other:
        await other.begin()
        error = await other.answer(other.message(send))
    assert isinstance(error, raw.types.RpcError)
    assert error.error_message == "RANDOM_ID_DUPLICATE"
    assert len(anna.chat) == 1


async def test_a_flood_of_requests_in_one_packet_is_answered_whole(bare: BareClient) -> None:
    messages = [bare.message(raw.functions.help.GetConfig()) for _ in range(300)]
    await bare.send(*messages)
    wanted = {message.msg_id for message in messages}
    while wanted:
        wanted -= {getattr(message.body, "req_msg_id", 0) for message in await bare.more()}
