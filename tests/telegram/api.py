"""The methods of Telegram's API that a bot uses, with Telegram's own refusals."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pyrogram import raw
from pyrogram.raw.core import TLObject
from pyrogram.raw.core.primitives import Bool, Vector

from tests.telegram.accounts import Bot, Message, access_hash
from tests.telegram.files import DC, File, Files
from tests.telegram.limits import Limits
from tests.telegram.phone import Answer, Chat, Group, Phone
from tests.telegram.session import RpcRefused, Session
from tests.telegram.vectors import objects

TEXT = 4096
CAPTION = 1024
CALLBACK_DATA = 64
ANSWER_TEXT = 200
ENTITIES = 100
BUTTONS = 100


class Call(NamedTuple):
    """A call as the data centre saw it: `time` is that of the monotonic clock; `error` is empty when it went well."""

    time: float
    method: str
    chat: int
    error: str


class Api:
    def __init__(
        self, bot: Bot, files: Files, api_id: int, api_hash: str, address: Callable[[], tuple[str, int]]
    ) -> None:
        self.limits = Limits()
        self.log: list[Call] = []
        self.counts: Counter[str] = Counter()
        """Messages sent under "sent", refusals of any method under their name."""
        self.flood: dict[str | None, int] = {}
        self.files_at: int | None = None
        self._guests: set[int] = set()
        self._bot = bot
        self._files = files
        self._api_id = api_id
        self._api_hash = api_hash
        self._address = address
        self._chat = 0
        functions = raw.functions
        self._methods: dict[type, Callable[..., TLObject | bytes]] = {
            functions.messages.SendMessage: self._send_message,
            functions.messages.SendMedia: self._send_media,
            functions.messages.EditMessage: self._edit_message,
            functions.messages.DeleteMessages: self._delete_messages,
            functions.messages.SetBotCallbackAnswer: self._answer_callback,
            functions.messages.GetMessages: self._get_messages,
            functions.messages.SetTyping: self._set_typing,
            functions.messages.DeleteChatUser: self._leave_group,
            functions.messages.GetChats: self._get_chats,
            functions.messages.UploadMedia: self._upload_media,
            functions.updates.GetState: self._get_state,
            functions.updates.GetDifference: self._get_difference,
            functions.users.GetUsers: self._get_users,
            functions.users.GetFullUser: self._get_full_user,
            functions.upload.SaveFilePart: self._save_part,
            functions.upload.SaveBigFilePart: self._save_part,
            functions.upload.GetFile: self._get_file,
            functions.bots.SetBotCommands: self._set_commands,
            functions.bots.GetBotCommands: self._get_commands,
            functions.bots.ResetBotCommands: self._reset_commands,
            functions.auth.LogOut: self._log_out,
        }
        self._sessionful = {
            functions.updates.GetState,
            functions.updates.GetDifference,
            functions.auth.LogOut,
        }

    def answer(self, session: Session, request: TLObject) -> bytes:
        """The serialized result of a call.

        Raises:
            RpcRefused: with Telegram's code and name.
        """
        request = self._unwrap(session, request)
        method = ".".join(request.QUALNAME.split(".")[1:])
        method = method[:1].lower() + method[1:] if "." not in method else _lower(method)
        self._chat = 0
        error = ""
        try:
            self._flooded(method)
            result = self._result(session, request)
        except RpcRefused as refusal:
            error = refusal.name
            self.counts[error] += 1
            raise
        finally:
            self.log.append(Call(time.monotonic(), method, self._chat, error))
        return result if isinstance(result, bytes) else result.write()

    def _unwrap(self, session: Session, request: TLObject) -> TLObject:
        functions = raw.functions
        for _ in range(8):
            match request:
                case functions.InvokeWithLayer():
                    request = request.query
                case functions.InitConnection():
                    if request.api_id != self._api_id:
                        raise RpcRefused(400, "CONNECTION_API_ID_INVALID")
                    session.initialized = True
                    request = request.query
                case functions.InvokeWithoutUpdates():
                    session.subscribed = False
                    request = request.query
                case functions.InvokeAfterMsg() | functions.InvokeAfterMsgs():
                    request = request.query
                case _:
                    return request
        raise RpcRefused(400, "INPUT_METHOD_INVALID")

    def _result(self, session: Session, request: TLObject) -> TLObject | bytes:
        if not session.initialized:
            raise RpcRefused(400, "CONNECTION_NOT_INITED")
        match request:
            case raw.functions.help.GetConfig():
                return self._config()
            case raw.functions.help.GetNearestDc():
                return raw.types.NearestDc(country="RU", this_dc=DC, nearest_dc=DC)
            case raw.functions.auth.ImportBotAuthorization():
                return self._sign_in(session, request)
            case raw.functions.auth.ImportAuthorization(id=self._bot.id, bytes=b"as agreed"):
                session.auth.user_id = self._bot.id
                self._guests.add(id(session.auth))
                return raw.types.auth.Authorization(user=self._bot.as_raw())
        if session.auth.user_id != self._bot.id:
            raise RpcRefused(401, "AUTH_KEY_UNREGISTERED")
        match request:
            case raw.functions.auth.ExportAuthorization():
                return raw.types.auth.ExportedAuthorization(id=self._bot.id, bytes=b"as agreed")
            case raw.functions.upload.GetFile() if self.files_at and id(session.auth) not in self._guests:
                raise RpcRefused(303, f"FILE_MIGRATE_{self.files_at}")
        method = self._methods.get(type(request))
        if method is None:
            raise RpcRefused(400, "INPUT_METHOD_INVALID")
        if type(request) in self._sessionful:
            return method(session, request)
        return method(request)

    # Connection and authorization

    def _config(self) -> TLObject:
        now = int(time.time())
        host, port = self._address()
        return raw.types.Config(
            date=now,
            expires=now + 3600,
            test_mode=False,
            this_dc=DC,
            dc_options=[raw.types.DcOption(id=DC, ip_address=host, port=port)],
            dc_txt_domain_name="localhost",
            chat_size_max=200,
            megagroup_size_max=200_000,
            forwarded_count_max=100,
            online_update_period_ms=210_000,
            offline_blur_timeout_ms=5000,
            offline_idle_timeout_ms=30_000,
            online_cloud_timeout_ms=300_000,
            notify_cloud_delay_ms=30_000,
            notify_default_delay_ms=1500,
            push_chat_period_ms=60_000,
            push_chat_limit=2,
            edit_time_limit=172_800,
            revoke_time_limit=172_800,
            revoke_pm_time_limit=172_800,
            rating_e_decay=2_419_200,
            stickers_recent_limit=200,
            channels_read_media_period=604_800,
            call_receive_timeout_ms=20_000,
            call_ring_timeout_ms=90_000,
            call_connect_timeout_ms=30_000,
            call_packet_timeout_ms=10_000,
            me_url_prefix="https://t.me/",
            caption_length_max=CAPTION,
            message_length_max=TEXT,
            webfile_dc_id=DC,
        )

    def _sign_in(self, session: Session, request: raw.functions.auth.ImportBotAuthorization) -> TLObject:
        if (request.api_id, request.api_hash) != (self._api_id, self._api_hash):
            raise RpcRefused(400, "API_ID_INVALID")
        if request.bot_auth_token != self._bot.token:
            raise RpcRefused(400, "ACCESS_TOKEN_INVALID")
        session.auth.user_id = self._bot.id
        session.subscribed = True
        return raw.types.auth.Authorization(user=self._bot.as_raw())

    def _log_out(self, session: Session, request: raw.functions.auth.LogOut) -> TLObject:
        session.auth.user_id = 0
        session.subscribed = False
        return raw.types.auth.LoggedOut()

    # Users

    def _get_users(self, request: raw.functions.users.GetUsers) -> bytes:
        users = [self._user(one) for one in objects(request.id)]
        return bytes(Vector([user for user in users if user is not None]))

    def _get_full_user(self, request: raw.functions.users.GetFullUser) -> TLObject:
        user = self._user(request.id)
        if user is None:
            raise RpcRefused(400, "USER_ID_INVALID")
        full = raw.types.UserFull(
            id=user.id,
            settings=raw.types.PeerSettings(),
            notify_settings=raw.types.PeerNotifySettings(),
            common_chats_count=0,
        )
        return raw.types.users.UserFull(full_user=full, chats=[], users=[user])

    def _user(self, peer: object) -> raw.types.User | None:
        match peer:
            case raw.types.InputUserSelf():
                return self._bot.as_raw()
            case raw.types.InputUser(user_id=self._bot.id):
                return self._bot.as_raw()
            case raw.types.InputUser():
                phone = self._bot.phones.get(peer.user_id)
                if phone is not None and (phone.started or peer.access_hash == access_hash(phone.id)):
                    return phone.as_raw()
        return None

    def _get_chats(self, request: raw.functions.messages.GetChats) -> TLObject:
        groups = [self._bot.groups.get(chat_id) for chat_id in request.id]
        return raw.types.messages.Chats(chats=[group.as_raw() for group in groups if group is not None])

    def _leave_group(self, request: raw.functions.messages.DeleteChatUser) -> TLObject:
        group = self._bot.groups.get(request.chat_id)
        if group is None or group.bot_left:
            raise RpcRefused(400, "PEER_ID_INVALID")
        group.bot_left = True
        group.changed()
        return self._bot.updates([], [])

    # Updates

    def _get_state(self, session: Session, request: raw.functions.updates.GetState) -> TLObject:
        session.subscribed = True
        return self._bot.state()

    def _get_difference(self, session: Session, request: raw.functions.updates.GetDifference) -> TLObject:
        session.subscribed = True
        bot = self._bot
        if not 0 < request.pts <= bot.pts:
            raise RpcRefused(400, "PERSISTENT_TIMESTAMP_INVALID")
        limit = self.limits.difference
        end = min(bot.pts, request.pts + limit)
        while end < bot.pts and bot.journal[end - 1] is None:  # a deletion is not cut in two
            end += 1
        new: dict[int, Message] = {}
        edits: dict[int, Message] = {}
        other: list[raw.base.Update] = []
        for pts, entry in enumerate(bot.journal[request.pts - 1 : end - 1], start=request.pts + 1):
            if isinstance(entry, tuple):
                pts += len(entry) - 1
                other.append(raw.types.UpdateDeleteMessages(messages=list(entry), pts=pts, pts_count=len(entry)))
            elif entry is not None and (message := bot.messages.get(abs(entry))) is not None:
                if entry > 0:
                    new[message.id] = message
                    if (random_id := bot.sent_as.get(message.id)) is not None:
                        other.append(raw.types.UpdateMessageID(id=message.id, random_id=random_id))
                elif message.id not in new:
                    edits[message.id] = message
                    other.append(raw.types.UpdateEditMessage(message=message.as_raw(), pts=pts, pts_count=1))
        users, chats = bot.people([*new.values(), *edits.values()])
        if end < bot.pts:
            state = bot.state()
            state.pts = end
            state.qts = max(0, request.qts)
            return raw.types.updates.DifferenceSlice(
                new_messages=[message.as_raw() for message in new.values()],
                new_encrypted_messages=[],
                other_updates=other,
                chats=chats,
                users=users,
                intermediate_state=state,
            )
        known = {user.id for user in users}
        stopped = bot.other[request.qts :] if request.qts >= 0 else []
        self._forget_old_queries()
        waiting = [query.update for query in bot.queries.values()]
        happened: list[raw.types.UpdateBotStopped | raw.types.UpdateBotCallbackQuery] = [*stopped, *waiting]
        for update in happened:
            other.append(update)
            if update.user_id not in known:
                known.add(update.user_id)
                users.append(bot.phones[update.user_id].as_raw())
        if not new and not other:
            return raw.types.updates.DifferenceEmpty(date=int(time.time()), seq=1)
        return raw.types.updates.Difference(
            new_messages=[message.as_raw() for message in new.values()],
            new_encrypted_messages=[],
            other_updates=other,
            chats=chats,
            users=users,
            state=bot.state(),
        )

    # Messages

    def _send_message(self, request: raw.functions.messages.SendMessage) -> TLObject:
        chat = self._peer(request.peer)
        text = _text(request.message, TEXT, "MESSAGE_TOO_LONG")
        if not text.strip():
            raise RpcRefused(400, "MESSAGE_EMPTY")
        message = self._send(chat, request, text, None)
        if isinstance(chat, Group):
            return self._sent(message, request.random_id)
        return raw.types.UpdateShortSentMessage(
            out=True,
            id=message.id,
            pts=self._bot.pts,
            pts_count=1,
            date=message.date,
            entities=message.entities or None,
        )

    def _send_media(self, request: raw.functions.messages.SendMedia) -> TLObject:
        chat = self._peer(request.peer)
        text = _text(request.message, CAPTION, "MEDIA_CAPTION_TOO_LONG")
        message = self._send(chat, request, text, request.media)
        return self._sent(message, request.random_id)

    def _sent(self, message: Message, random_id: int) -> TLObject:
        updates: list[raw.base.Update] = [
            raw.types.UpdateMessageID(id=message.id, random_id=random_id),
            raw.types.UpdateNewMessage(message=message.as_raw(), pts=self._bot.pts, pts_count=1),
        ]
        return self._bot.updates(updates, [message])

    def _send(
        self,
        chat: Chat,
        request: raw.functions.messages.SendMessage | raw.functions.messages.SendMedia,
        text: str,
        media: raw.base.InputMedia | None,
    ) -> Message:
        entities = self._entities(text, request.entities)
        _check_markup(request.reply_markup, inline_only=False)
        if not request.random_id:
            raise RpcRefused(400, "RANDOM_ID_EMPTY")
        if request.random_id in self._bot.random_ids:
            raise RpcRefused(500, "RANDOM_ID_DUPLICATE")
        self._reachable(chat)
        limits = self.limits
        now = time.monotonic()
        self._wait(
            chat.new_bucket.wait(limits.chat_messages, limits.chat_burst, now),
            self._bot.new_bucket.wait(limits.messages, limits.messages_burst, now),
        )
        file = self._files.of(media) if media is not None else None
        chat.new_bucket.take()
        self._bot.new_bucket.take()
        self._bot.random_ids[request.random_id] = chat.id
        message = self._bot.add(
            chat,
            None,
            text,
            entities=entities,
            markup=request.reply_markup,
            file=file,
            reply_to=request.reply_to_msg_id,
        )
        self._bot.sent_as[message.id] = request.random_id
        if isinstance(chat, Phone):
            chat.random_ids = (*chat.random_ids, request.random_id)
        self.counts["sent"] += 1
        return message

    def _edit_message(self, request: raw.functions.messages.EditMessage) -> TLObject:
        chat = self._peer(request.peer)
        message = self._bot.messages.get(request.id)
        if message is None or message.chat is not chat or message.action is not None:
            raise RpcRefused(400, "MESSAGE_ID_INVALID")
        if message.sender is not None:
            raise RpcRefused(403, "MESSAGE_AUTHOR_REQUIRED")
        _check_markup(request.reply_markup, inline_only=True)
        markup_only = request.message is None and request.media is None
        file = message.file
        text, entities = message.text, message.entities
        if not markup_only:
            has_file = file is not None or request.media is not None
            text = _text(
                request.message or "",
                CAPTION if has_file else TEXT,
                "MEDIA_CAPTION_TOO_LONG" if has_file else "MESSAGE_TOO_LONG",
            )
            if not text.strip() and not has_file:
                raise RpcRefused(400, "MESSAGE_EMPTY")
            entities = self._entities(text, request.entities) or None
        self._reachable(chat)
        self._spend_edit(chat)
        if request.media is not None:
            if file is None:
                raise RpcRefused(400, "MEDIA_PREV_INVALID")
            file = self._files.of(request.media)
        before = _content(message.text, message.entities, message.markup, message.file)
        if _content(text, entities, request.reply_markup, file) == before:
            raise RpcRefused(400, "MESSAGE_NOT_MODIFIED")
        message.text, message.entities, message.markup, message.file = text, entities, request.reply_markup, file
        message.markup_only = markup_only and (message.edit_date is None or message.markup_only)
        message.edit_date = int(time.time())
        self._bot.edited(message)
        update = raw.types.UpdateEditMessage(message=message.as_raw(), pts=self._bot.pts, pts_count=1)
        return self._bot.updates([update], [message])

    def _delete_messages(self, request: raw.functions.messages.DeleteMessages) -> TLObject:
        messages = [self._bot.messages[one] for one in dict.fromkeys(request.id) if one in self._bot.messages]
        if request.id and not messages:
            raise RpcRefused(400, "MESSAGE_ID_INVALID")
        count = self._bot.delete(messages)
        return raw.types.messages.AffectedMessages(pts=self._bot.pts, pts_count=count)

    def _get_messages(self, request: raw.functions.messages.GetMessages) -> TLObject:
        found: list[raw.base.Message] = []
        messages = []
        for asked in objects(request.id):
            message_id = getattr(asked, "id", 0)
            message = self._bot.messages.get(message_id)
            if isinstance(asked, raw.types.InputMessageReplyTo) and message is not None:
                message = self._bot.messages.get(message.reply_to or 0)
            if message is None:
                found.append(raw.types.MessageEmpty(id=message_id))
            else:
                messages.append(message)
                found.append(message.as_raw())
        users, chats = self._bot.people(messages)
        return raw.types.messages.Messages(messages=found, chats=chats, users=users)

    def _answer_callback(self, request: raw.functions.messages.SetBotCallbackAnswer) -> bytes:
        self._forget_old_queries()
        query = self._bot.queries.get(request.query_id)
        if query is None:
            raise RpcRefused(400, "QUERY_ID_INVALID")
        self._chat = query.chat.id
        if len(request.message or "") > ANSWER_TEXT:
            raise RpcRefused(400, "MESSAGE_TOO_LONG")
        self._spend_edit(query.chat)
        del self._bot.queries[request.query_id]
        query.chat.settle(request.query_id, Answer(request.message, bool(request.alert), request.url))
        return bytes(Bool(True))

    def _set_typing(self, request: raw.functions.messages.SetTyping) -> bytes:
        self._reachable(self._peer(request.peer))
        return bytes(Bool(True))

    # Files

    def _save_part(self, request: raw.functions.upload.SaveFilePart | raw.functions.upload.SaveBigFilePart) -> bytes:
        self._files.save_part(request.file_id, request.file_part, request.bytes)
        return bytes(Bool(True))

    def _upload_media(self, request: raw.functions.messages.UploadMedia) -> TLObject:
        self._peer(request.peer)
        return self._files.of(request.media).media()

    def _get_file(self, request: raw.functions.upload.GetFile) -> TLObject:
        if request.offset < 0 or request.offset % 4096:
            raise RpcRefused(400, "OFFSET_INVALID")
        if not 0 < request.limit <= 1 << 20 or request.limit % 4096:
            raise RpcRefused(400, "LIMIT_INVALID")
        file = self._files.find(request.location)
        kind = raw.types.storage.FileJpeg() if file.is_photo else raw.types.storage.FileUnknown()
        data = file.data[request.offset : request.offset + request.limit]
        return raw.types.upload.File(type=kind, mtime=file.date, bytes=data)

    # Commands of the bot

    def _set_commands(self, request: raw.functions.bots.SetBotCommands) -> bytes:
        for command in request.commands:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", command.command):
                raise RpcRefused(400, "BOT_COMMAND_INVALID")
            if not 1 <= len(command.description) <= 256:
                raise RpcRefused(400, "BOT_COMMAND_DESCRIPTION_INVALID")
        if len(request.commands) > 100:
            raise RpcRefused(400, "BOT_COMMANDS_TOO_MUCH")
        self._bot.commands[request.scope.write(), request.lang_code] = list(request.commands)
        return bytes(Bool(True))

    def _get_commands(self, request: raw.functions.bots.GetBotCommands) -> bytes:
        return bytes(Vector(self._bot.commands.get((request.scope.write(), request.lang_code), [])))

    def _reset_commands(self, request: raw.functions.bots.ResetBotCommands) -> bytes:
        self._bot.commands.pop((request.scope.write(), request.lang_code), None)
        return bytes(Bool(True))

    # What many methods ask

    def _peer(self, peer: raw.base.InputPeer) -> Chat:
        chat: Chat | None = None
        match peer:
            case raw.types.InputPeerUser():
                phone = self._bot.phones.get(peer.user_id)
                if phone is not None and phone.started and peer.access_hash in (0, access_hash(phone.id)):
                    chat = phone
            case raw.types.InputPeerChat():
                chat = self._bot.groups.get(peer.chat_id)
        if chat is None:
            raise RpcRefused(400, "PEER_ID_INVALID")
        self._chat = chat.id
        return chat

    def _reachable(self, chat: Chat) -> None:
        if isinstance(chat, Phone):
            if chat.deleted:
                raise RpcRefused(400, "INPUT_USER_DEACTIVATED")
            if chat.blocked:
                raise RpcRefused(400, "USER_IS_BLOCKED")
        elif isinstance(chat, Group) and chat.bot_left:
            raise RpcRefused(403, "CHAT_WRITE_FORBIDDEN")

    def _entities(self, text: str, entities: Sequence[raw.base.MessageEntity] | None) -> list[raw.base.MessageEntity]:
        units = len(text.encode("utf-16-le")) // 2
        kept: list[raw.base.MessageEntity] = []
        for entity in (entities or [])[:ENTITIES]:
            if entity.offset < 0 or entity.length <= 0 or entity.offset + entity.length > units:
                raise RpcRefused(400, "ENTITY_BOUNDS_INVALID")
            if isinstance(entity, raw.types.InputMessageEntityMentionName):
                user = self._user(entity.user_id)
                if user is None:
                    continue
                entity = raw.types.MessageEntityMentionName(offset=entity.offset, length=entity.length, user_id=user.id)
            kept.append(entity)
        return kept

    def _spend_edit(self, chat: Chat) -> None:
        limits = self.limits
        now = time.monotonic()
        self._wait(
            chat.edit_bucket.wait(limits.chat_edits, limits.chat_edits_burst, now),
            self._bot.edit_bucket.wait(limits.edits, limits.edits_burst, now),
        )
        chat.edit_bucket.take()
        self._bot.edit_bucket.take()

    @staticmethod
    def _wait(*seconds: int) -> None:
        if any(seconds):
            raise RpcRefused(420, f"FLOOD_WAIT_{max(seconds)}")

    def _flooded(self, method: str) -> None:
        for key in (method, None):
            if key in self.flood:
                raise RpcRefused(420, f"FLOOD_WAIT_{self.flood.pop(key)}")

    def _forget_old_queries(self) -> None:
        oldest = time.monotonic() - self.limits.query_seconds
        for query_id, query in list(self._bot.queries.items()):
            if query.at >= oldest:
                break
            del self._bot.queries[query_id]


def _text(text: str, limit: int, error: str) -> str:
    if len(text) > limit:
        raise RpcRefused(400, error)
    return text


def _content(
    text: str,
    entities: Sequence[raw.base.MessageEntity] | None,
    markup: raw.base.ReplyMarkup | None,
    file: File | None,
) -> tuple[object, ...]:
    written = [entity.write() for entity in entities or ()]
    return text, written, markup.write() if markup is not None else None, file.id if file else None


def _check_markup(markup: raw.base.ReplyMarkup | None, *, inline_only: bool) -> None:
    if markup is None:
        return
    if inline_only and not isinstance(markup, raw.types.ReplyInlineMarkup):
        raise RpcRefused(400, "REPLY_MARKUP_INVALID")
    rows = getattr(markup, "rows", [])
    for row in rows:
        row.buttons = objects(row.buttons)
    buttons = [button for row in rows for button in row.buttons]
    if len(buttons) > BUTTONS:
        raise RpcRefused(400, "REPLY_MARKUP_TOO_LONG")
    for button in buttons:
        if not button.text:
            raise RpcRefused(400, "BUTTON_TEXT_INVALID")
        if isinstance(button, raw.types.KeyboardButtonCallback) and not 0 < len(button.data) <= CALLBACK_DATA:
            raise RpcRefused(400, "BUTTON_DATA_INVALID")
        if isinstance(button, raw.types.KeyboardButtonUrl) and not re.match(r"(https?|tg)://\S+\Z", button.url):
            raise RpcRefused(400, "BUTTON_URL_INVALID")


def _lower(method: str) -> str:
    space, _, name = method.partition(".")
    return f"{space}.{name[:1].lower()}{name[1:]}"
