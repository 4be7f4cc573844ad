"""Mass messages: what is sent, to whom, and how far it has come."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import AnyHttpUrl, AwareDatetime, Field, StringConstraints, model_validator

from protocols.messages.base import Command, Grade, Message, Platform, Role, Slug, Text, UserNumber

BroadcastState: TypeAlias = Literal["draft", "scheduled", "running", "paused", "finished", "cancelled"]
PICTURE_LIMIT = 10 * 1024 * 1024  # bytes, by Telegram

Waiting: TypeAlias = Literal["bot", "preparing", "turn", "quiet", "flood", "telegram", "database"]
EntityType: TypeAlias = Literal[
    "bold", "italic", "underline", "strikethrough", "spoiler", "code", "pre", "link", "custom_emoji", "blockquote"
]


class AdminCommand(Command):
    least_role: ClassVar[Role] = "admin"


class Entity(Message):
    """A formatted stretch of a text; `offset` and `length` are in UTF-16 units, as Telegram counts.

    `value` is the address of a link, the language of `pre`, or the id of a custom emoji.
    """

    type: EntityType
    offset: Annotated[int, Field(ge=0)]
    length: Annotated[int, Field(ge=1)]
    value: str | None = None


class Button(Message):
    """A button below a message: it opens `url`, or begins a training in `subject`."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
    url: AnyHttpUrl | None = None
    subject: Slug | None = None

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        if (self.url is None) == (self.subject is None):
            raise ValueError("a button has either url or subject")
        return self


Row: TypeAlias = Annotated[tuple[Button, ...], Field(min_length=1, max_length=8)]


class Audience(Message):
    """Who gets it: all that Telegram reaches and who want notifications, narrowed by each that is given.

    `subjects`: they have trained one of these; `platforms`: and on one of these; `active_days`: were here lately.
    """

    subjects: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=100)] | None = None
    grades: Annotated[tuple[Grade, ...], Field(min_length=1, max_length=12)] | None = None
    platforms: Annotated[tuple[Platform, ...], Field(min_length=1, max_length=3)] | None = None
    active_days: Annotated[int, Field(ge=1, le=3660)] | None = None
    users: Annotated[tuple[UserNumber, ...], Field(min_length=1, max_length=10_000)] | None = None


BroadcastText: TypeAlias = Annotated[Text, StringConstraints(min_length=1, max_length=4096)]
Entities: TypeAlias = Annotated[tuple[Entity, ...], Field(max_length=100)]
Buttons: TypeAlias = Annotated[tuple[Row, ...], Field(max_length=10)]
Picture: TypeAlias = Annotated[bytes, Field(max_length=PICTURE_LIMIT)]


class CreateBroadcast(AdminCommand):
    """`text` is the safe subset of Markdown; with `entities` it is plain, and they say how it is formatted.

    `image` is a PNG or JPEG. With `start_at` it is scheduled, without it waits for `StartBroadcast`.
    """

    text: BroadcastText
    entities: Entities | None = None
    buttons: Buttons = ()
    image: Picture | None = None
    audience: Audience = Audience()
    start_at: AwareDatetime | None = None
    # Who sends the same request again, not knowing what became of it, gets the same broadcast.
    request: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]*$")] | None = None


class BroadcastCommand(AdminCommand):
    broadcast: Annotated[int, Field(ge=1, lt=2**63)]


class ChangeBroadcast(BroadcastCommand):
    """Only what is set is changed, of one that has not been started.

    A `text` without `entities` is Markdown. `image` None takes the picture away, `start_at` None the time.
    """

    text: BroadcastText | None = None
    entities: Entities | None = None
    buttons: Buttons | None = None
    image: Picture | None = None
    audience: Audience | None = None
    start_at: AwareDatetime | None = None


class StartBroadcast(BroadcastCommand):
    pass


class PauseBroadcast(BroadcastCommand):
    pass


class ResumeBroadcast(BroadcastCommand):
    pass


class CancelBroadcast(BroadcastCommand):
    pass


class ShowBroadcast(BroadcastCommand):
    pass


class ShowBroadcastContent(BroadcastCommand):
    """What each recipient would get."""


class ListBroadcasts(AdminCommand):
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    after: str | None = None


class CountAudience(AdminCommand):
    """How many a broadcast to this audience would go to now."""

    audience: Audience = Audience()


class NoteBroadcastPress(Command):
    """The user has pressed a button of a broadcast that begins a training. Each who got it counts once."""

    broadcast: Annotated[int, Field(ge=1, lt=2**63)]


class AudienceCount(Message):
    recipients: int


class BroadcastContent(Message):
    """What each recipient gets. `digest` is the same for the same content: what was uploaded once can be reused.

    `broadcast` is of which one it is; None: that has no number yet.
    """

    text: str
    entities: tuple[Entity, ...] | None
    buttons: tuple[tuple[Button, ...], ...]
    image: bytes | None
    digest: str
    broadcast: int | None = None


class Broadcast(Message):
    """`rate` is in messages a second at the moment, `eta` when the last will be sent; both None unless running.

    `sent` + `failed` + `blocked` + `left` = `recipients`, which is counted anew when it starts. `reasons` counts
    why some did not get it. `waiting` is why a running one does not send: the bot is off, its recipients are being
    listed, others have their turn, it is quiet hours, Telegram asked to wait or does not answer, or outcomes cannot
    be saved; None: it sends. `problem`: it was paused without anybody asking for it, because Telegram refused it again
    and again for this reason, in Telegram's own word. `pressed` counts who has pressed a button that begins a training.
    """

    id: int
    state: BroadcastState
    text: str
    buttons: tuple[tuple[Button, ...], ...]
    image: bool
    audience: Audience
    recipients: int
    sent: int
    failed: int
    blocked: int
    left: int
    rate: float | None
    eta: datetime | None
    reasons: dict[str, int]
    waiting: Waiting | None = None
    problem: str | None = None
    pressed: int = 0
    created_at: datetime
    start_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


class Broadcasts(Message):
    """Newest first."""

    items: tuple[Broadcast, ...]
    next: str | None
