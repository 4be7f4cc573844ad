"""Encrypted messages (https://core.telegram.org/mtproto/description): keys, sessions, salts, numbers, acks."""

from __future__ import annotations

import gzip
import secrets
import struct
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha1, sha256
from io import BytesIO
from typing import Protocol

import tgcrypto
from pyrogram import raw
from pyrogram.raw.core import FutureSalt, FutureSalts, TLObject

CONTAINER = 0x73F1F8DC
GZIP_PACKED = 0x3072CFA1
RPC_RESULT = 0xF35C6D01
LARGEST_UNPACKED = 16 << 20
GZIP_FROM = 1024
"""Results from this size on are sent packed, as Telegram does."""
UNACKED = 1024
"""So many messages wait for a client's ack; what is older is left to the difference."""
LARGEST_UNACKED = 64 << 10
"""What is longer, as a part of a file, is not kept: the client asks again."""
RESEND_SECONDS = 240
REMEMBERED_IDS = 2048


class NoSuchKey(Exception):
    """The key is not known, or the message was not encrypted with it: transport error -404."""


class Wire(Protocol):
    """The connection that a session speaks through."""

    def send(self, packet: bytes) -> None: ...

    def close_unless_pinged(self, seconds: float) -> None: ...


class RpcRefused(Exception):
    """A call is refused, with Telegram's code and name for it."""

    def __init__(self, code: int, name: str) -> None:
        super().__init__(f"{code} {name}")
        self.code = code
        self.name = name


class Clock:
    """Message ids of the server: its time, and growing."""

    def __init__(self) -> None:
        self._last = 0

    def next(self, *, answer: bool) -> int:
        self._last = max(self._last + 4, int(time.time() * (1 << 32)) & ~3)
        return self._last | (1 if answer else 3)


class AuthKey:
    """A key, its salts and its sessions; `user_id` is who signed in with it, 0 for nobody."""

    def __init__(self, key: bytes, salt: int) -> None:
        self.key = key
        self.id = sha1(key).digest()[-8:]
        self.salt = salt
        self.user_id = 0
        self.sessions: OrderedDict[bytes, Session] = OrderedDict()

    def rotate(self) -> None:
        """From now on another salt is wanted."""
        self.salt = int.from_bytes(secrets.token_bytes(8), "little", signed=True)

    def decrypt(self, packet: bytes) -> bytes:
        """Salt, session id, message and padding.

        Raises:
            NoSuchKey: it was not encrypted with this key.
        """
        message_key, encrypted = packet[8:24], packet[24:]
        if len(encrypted) < 48 or len(encrypted) % 16:
            raise NoSuchKey
        plain: bytes = tgcrypto.ige256_decrypt(encrypted, *self._derive(message_key, 0))
        if sha256(self.key[88:120] + plain).digest()[8:24] != message_key:
            raise NoSuchKey
        return plain

    def encrypt(self, plain: bytes) -> bytes:
        plain += secrets.token_bytes(-(len(plain) + 12) % 16 + 12)
        message_key = sha256(self.key[96:128] + plain).digest()[8:24]
        encrypted: bytes = tgcrypto.ige256_encrypt(plain, *self._derive(message_key, 8))
        return self.id + message_key + encrypted

    def _derive(self, message_key: bytes, x: int) -> tuple[bytes, bytes]:
        a = sha256(message_key + self.key[x : x + 36]).digest()
        b = sha256(self.key[x + 40 : x + 76] + message_key).digest()
        return a[:8] + b[8:24] + a[24:], b[:8] + a[8:24] + b[24:]


Api = Callable[["Session", TLObject], bytes]
"""Answers a call with the serialized result, or raises RpcRefused."""


class Session:
    """One session of a key; it outlives its connections.

    `subscribed` sessions are sent the updates; `initialized` is so after initConnection.
    """

    def __init__(self, auth: AuthKey, session_id: bytes, clock: Clock, api: Api) -> None:
        self.auth = auth
        self.id = session_id
        self.subscribed = False
        self.initialized = False
        self.wire: Wire | None = None
        self._clock = clock
        self._api = api
        self._new = True
        self._content_sent = 0
        self._highest = (0, 0)
        self._received: OrderedDict[int, None] = OrderedDict()
        self._unacked: OrderedDict[int, bytes] = OrderedDict()
        self._answers: OrderedDict[int, int] = OrderedDict()
        self._outbox: list[bytes] = []

    def receive(self, wire: Wire, plain: bytes) -> None:
        """Take what one packet holds, and answer it through `wire`."""
        if self.wire is not wire:
            self.wire = wire
            self._resend()
        salt, _, message_id, seqno, length = struct.unpack_from("<qqqii", plain)
        if 0 <= length <= len(plain) - 32:
            body = plain[32 : 32 + length]
            fault = self._fault(message_id, seqno, body)
            if fault:
                self._notify(raw.types.BadMsgNotification, message_id, seqno, error_code=fault)
            elif salt != self.auth.salt:
                self._notify(raw.types.BadServerSalt, message_id, seqno, error_code=48, new_server_salt=self.auth.salt)
            else:
                self._message(message_id, seqno, body, depth=0)
        self.flush()

    def push(self, updates: bytes) -> None:
        """Send an update over the connection there is."""
        self._put(updates, content=True, answer=False)
        self.flush()

    def flush(self) -> None:
        """Send what is in the outbox: one message as it is, several in a container."""
        if not self._outbox or self.wire is None:
            self._outbox.clear()
            return
        for start in range(0, len(self._outbox), 500):
            part = self._outbox[start : start + 500]
            if len(part) == 1:
                message = part[0]
            else:
                body = struct.pack("<Ii", CONTAINER, len(part)) + b"".join(part)
                message = self._frame(self._clock.next(answer=False), self._content_sent * 2, body)
            self.wire.send(self.auth.encrypt(struct.pack("<q", self.auth.salt) + self.id + message))
        self._outbox.clear()

    def _message(self, message_id: int, seqno: int, body: bytes, depth: int) -> None:
        if self._new:
            self._new = False
            created = raw.types.NewSessionCreated(
                first_msg_id=message_id,
                unique_id=int.from_bytes(secrets.token_bytes(8), "little", signed=True),
                server_salt=self.auth.salt,
            )
            self._put(created.write(), content=True, answer=False)
        if message_id in self._received:
            self._again(message_id)
            return
        self._received[message_id] = None
        if len(self._received) > REMEMBERED_IDS:
            self._received.popitem(last=False)
        if seqno & 1:
            self._highest = max(self._highest, (message_id, seqno))
        constructor = int.from_bytes(body[:4], "little")
        if constructor == GZIP_PACKED:
            body = _unpack(body)
            constructor = int.from_bytes(body[:4], "little")
        if constructor == CONTAINER:
            if depth == 0:
                self._container(body)
            return
        try:
            request: TLObject = TLObject.read(BytesIO(body))
        except Exception:  # the generated readers raise whatever the garbage leads them to
            if seqno & 1:
                self._result(message_id, raw.types.RpcError(error_code=400, error_message="INPUT_METHOD_INVALID"))
            return
        self._request(message_id, request)

    def _container(self, body: bytes) -> None:
        position = 8
        for _ in range(min(int.from_bytes(body[4:8], "little"), 1020)):
            if position + 16 > len(body):
                return
            message_id, seqno, length = struct.unpack_from("<qii", body, position)
            if not 0 <= length <= len(body) - position - 16:
                return
            inner = body[position + 16 : position + 16 + length]
            position += 16 + length
            fault = self._fault(message_id, seqno, inner)
            if fault:
                self._notify(raw.types.BadMsgNotification, message_id, seqno, error_code=fault)
            else:
                self._message(message_id, seqno, inner, depth=1)

    def _request(self, message_id: int, request: TLObject) -> None:
        match request:
            case raw.types.MsgsAck():
                for acked in request.msg_ids:
                    self._unacked.pop(acked, None)
            case raw.functions.Ping():
                self._pong(message_id, request.ping_id)
            case raw.functions.PingDelayDisconnect():
                self._pong(message_id, request.ping_id)
                if self.wire is not None:
                    self.wire.close_unless_pinged(request.disconnect_delay)
            case raw.functions.GetFutureSalts():
                now = int(time.time())
                salts = FutureSalts(message_id, now, [FutureSalt(now, now + 3600, self.auth.salt)])
                self._put(salts.write(), content=True, answer=True)
            case raw.functions.DestroySession():
                target = request.session_id.to_bytes(8, "little", signed=True)
                gone = target != self.id and self.auth.sessions.pop(target, None) is not None
                kind = raw.types.DestroySessionOk if gone else raw.types.DestroySessionNone
                self._put(kind(session_id=request.session_id).write(), content=True, answer=True)
            case raw.functions.RpcDropAnswer():
                self._result(message_id, raw.types.RpcAnswerUnknown())
            case raw.types.MsgsStateReq():
                known = "".join("\x04" if asked in self._received else "\x01" for asked in request.msg_ids)
                self._put(
                    raw.types.MsgsStateInfo(req_msg_id=message_id, info=known).write(), content=False, answer=True
                )
            case raw.types.MsgResendReq():
                self._outbox.extend(self._unacked[asked] for asked in request.msg_ids if asked in self._unacked)
            case raw.types.HttpWait() | raw.types.MsgsAllInfo() | raw.types.MsgsStateInfo():
                pass
            case _:
                try:
                    result = self._api(self, request)
                except RpcRefused as refusal:
                    error = raw.types.RpcError(error_code=refusal.code, error_message=refusal.name)
                    result = error.write()
                self._result(message_id, result)

    def _result(self, message_id: int, result: bytes | TLObject) -> None:
        serialized = result if isinstance(result, bytes) else result.write()
        if len(serialized) >= GZIP_FROM:
            packed = gzip.compress(serialized, 1)
            if len(packed) < len(serialized) * 3 // 4:
                serialized = GZIP_PACKED.to_bytes(4, "little") + _tl_bytes(packed)
        sent = self._put(struct.pack("<Iq", RPC_RESULT, message_id) + serialized, content=True, answer=True)
        self._answers[message_id] = sent
        if len(self._answers) > UNACKED:
            self._answers.popitem(last=False)

    def _pong(self, message_id: int, ping_id: int) -> None:
        self._put(raw.types.Pong(msg_id=message_id, ping_id=ping_id).write(), content=False, answer=True)

    def _notify(
        self,
        kind: type[raw.types.BadMsgNotification] | type[raw.types.BadServerSalt],
        message_id: int,
        seqno: int,
        **fields: int,
    ) -> None:
        notice = kind(bad_msg_id=message_id, bad_msg_seqno=seqno, **fields)
        self._put(notice.write(), content=False, answer=True)

    def _again(self, message_id: int) -> None:
        """A message that came before: the answer goes once more if it is not acked, else an ack."""
        answer = self._unacked.get(self._answers.get(message_id, 0))
        if answer is not None:
            self._outbox.append(answer)
        else:
            self._put(raw.types.MsgsAck(msg_ids=[message_id]).write(), content=False, answer=False)

    def _resend(self) -> None:
        oldest = int(time.time() - RESEND_SECONDS) << 32
        for message_id in list(self._unacked):
            if message_id < oldest:
                del self._unacked[message_id]
        # Before anything newer: clients take an id below those they hold for an attack.
        self._outbox = [*self._unacked.values(), *self._outbox]

    def _put(self, body: bytes, *, content: bool, answer: bool) -> int:
        message_id = self._clock.next(answer=answer)
        message = self._frame(message_id, self._content_sent * 2 + content, body)
        self._outbox.append(message)
        if content:
            self._content_sent += 1
            if len(message) <= LARGEST_UNACKED:
                self._unacked[message_id] = message
            if len(self._unacked) > UNACKED:
                self._unacked.popitem(last=False)
        return message_id

    @staticmethod
    def _frame(message_id: int, seqno: int, body: bytes) -> bytes:
        return struct.pack("<qii", message_id, seqno, len(body)) + body

    def _fault(self, message_id: int, seqno: int, body: bytes) -> int:
        """The error code for a wrong message id or sequence number, 0 when both are right."""
        if message_id & 3:
            return 18
        age = time.time() - (message_id >> 32)
        if age > 300:
            return 16
        if age < -30:
            return 17
        constructor = int.from_bytes(body[:4], "little")
        if seqno & 1:
            if constructor in (CONTAINER, raw.types.MsgsAck.ID):
                return 34
        elif constructor not in _NOT_CONTENT:
            return 35
        if self._highest[0] and message_id not in self._received:
            highest_id, highest_seqno = self._highest
            if message_id > highest_id and (seqno < highest_seqno or (seqno == highest_seqno and seqno & 1)):
                return 32
            if message_id < highest_id and seqno > highest_seqno + 1:
                return 33
        return 0


_NOT_CONTENT = {
    CONTAINER,
    GZIP_PACKED,
    raw.types.MsgsAck.ID,
    raw.types.HttpWait.ID,
    raw.types.MsgsStateReq.ID,
    raw.types.MsgResendReq.ID,
    raw.types.MsgsAllInfo.ID,
    raw.types.MsgsStateInfo.ID,
    raw.functions.Ping.ID,  # Pyrogram counts it out, others in
    raw.functions.PingDelayDisconnect.ID,
}


def _unpack(body: bytes) -> bytes:
    """The content of gzip_packed; nothing when it is no gzip, or too much."""
    short = body[4] if len(body) > 4 else 0
    packed = body[8 : 8 + int.from_bytes(body[5:8], "little")] if short == 254 else body[5 : 5 + short]
    try:
        return zlib.decompressobj(wbits=31).decompress(packed, LARGEST_UNPACKED)
    except zlib.error:
        return b""


def _tl_bytes(data: bytes) -> bytes:
    head = bytes([len(data)]) if len(data) < 254 else b"\xfe" + len(data).to_bytes(3, "little")
    return head + data + bytes(-(len(head) + len(data)) % 4)
