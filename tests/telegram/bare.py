"""A client that says exactly what a test tells it to, by Pyrogram's transport and cipher."""

from __future__ import annotations

import asyncio
import time
from hashlib import sha1
from io import BytesIO
from types import TracebackType

from pyrogram import raw
from pyrogram.connection.transport import TCPAbridged
from pyrogram.crypto import mtproto
from pyrogram.raw.core import Message, MsgContainer, TLObject

from tests.telegram.center import DataCenter
from tests.telegram.client import here, trust

SECONDS = 5.0


class BareClient:
    """One connection with an authorization key; `received` holds the messages of the server, containers unpacked."""

    def __init__(self, center: DataCenter, key: bytes, session_id: bytes = b"session1") -> None:
        self.key = key
        self.session_id = session_id
        self.salt = 0
        self.received: list[Message] = []
        self._center = center
        self._key_id = sha1(key).digest()[-8:]
        self._transport = TCPAbridged(False, {})
        self._last_id = 0
        self._content = 0

    async def __aenter__(self) -> BareClient:
        await self._transport.connect((self._center.host, self._center.port))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.close()  # type: ignore[no-untyped-call]  # of Pyrogram

    def message(
        self, body: TLObject, *, content: bool = True, message_id: int = 0, seqno: int | None = None
    ) -> Message:
        """The next message; id and sequence number are right unless they are given."""
        self._last_id = max(self._last_id + 4, int(time.time() * (1 << 32)) & ~3)
        number = self._content * 2 + content
        self._content += content
        return Message(body, message_id or self._last_id, number if seqno is None else seqno, len(body.write()))

    async def send(self, *messages: Message) -> None:
        """One message as it is, several in a container."""
        packed = messages[0] if len(messages) == 1 else self.message(MsgContainer(list(messages)), content=False)
        await self._transport.send(mtproto.pack(packed, self.salt, self.session_id, self.key, self._key_id))

    async def send_packet(self, packet: bytes) -> None:
        await self._transport.send(packet)

    async def packet(self) -> bytes | None:
        """The next packet, None when the server has hung up."""
        return await asyncio.wait_for(self._transport.recv(), SECONDS)

    async def answer(self, message: Message) -> TLObject:
        """Send, and wait for what answers this message: a result, an error, a pong or a notice."""
        await self.send(message)
        return await self.answer_to(message.msg_id)

    async def answer_to(self, message_id: int) -> TLObject:
        while True:
            for message in await self.more():
                body = message.body
                fields = ("req_msg_id", "bad_msg_id", "msg_id")
                if message_id in [getattr(body, name, None) for name in fields if hasattr(body, name)]:
                    result: TLObject = getattr(body, "result", body)
                    return result

    async def more(self) -> list[Message]:
        """The messages of the next packet."""
        packet = await self.packet()
        assert packet is not None, "the server has hung up"
        message = mtproto.unpack(BytesIO(packet), self.session_id, self.key, self._key_id)
        messages = message.body.messages if isinstance(message.body, MsgContainer) else [message]
        self.received += messages
        return messages

    async def begin(self) -> None:
        """Take the server's salt, and say who we are."""
        notice = await self.answer(self.message(raw.functions.Ping(ping_id=1), content=False))
        assert isinstance(notice, raw.types.BadServerSalt)
        self.salt = notice.new_server_salt
        config = await self.answer(self.message(first(self._center)))
        assert isinstance(config, raw.types.Config)


def first(center: DataCenter, api_id: int = 0) -> raw.functions.InvokeWithLayer:
    """The call that opens a session."""
    init = raw.functions.InitConnection(
        api_id=api_id or center.api_id,
        device_model="bare",
        system_version="1",
        app_version="1",
        system_lang_code="en",
        lang_pack="",
        lang_code="en",
        query=raw.functions.help.GetConfig(),
    )
    return raw.functions.InvokeWithLayer(layer=158, query=init)


async def make_key(center: DataCenter) -> bytes:
    """A new authorization key, by Pyrogram's own exchange."""
    trust(center.public_key_file)
    client = type("Settings", (), {"ipv6": False, "proxy": {}})()
    _, auth = here(center)
    exchange = auth(client, center.id, False)
    key: bytes = await asyncio.wait_for(exchange.create(), SECONDS)  # type: ignore[no-untyped-call]  # of Pyrogram
    return key
