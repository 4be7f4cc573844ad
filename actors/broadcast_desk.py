"""Mass messages before they run: what is accepted, who would get it, how they are shown."""

from __future__ import annotations

import asyncio
import io
import re
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random

import orjson
import structlog
from PIL import Image, UnidentifiedImageError

from actors.broadcaster import Live, shown
from actors.training.views import moment
from protocols.messages import (
    AudienceCount,
    Broadcast,
    BroadcastContent,
    Broadcasts,
    ChangeBroadcast,
    Conflict,
    CountAudience,
    CreateBroadcast,
    Done,
    Entity,
    FieldError,
    Invalid,
    ListBroadcasts,
    NoteBroadcastPress,
    NotFound,
    ShowBroadcast,
    ShowBroadcastContent,
)
from storage.postgres import broadcasts as sql
from storage.postgres.pool import Pool

log = structlog.get_logger()

# Telegram's limits of a picture, https://core.telegram.org/bots/api#sendphoto, and of its caption.
LONGEST_SIDES = 10_000  # width and height together
LONGEST_SHAPE = 20  # times as wide as high, or the other way round
LONGEST_CAPTION = 1024
FURTHEST_START = timedelta(days=366)
KEPT = timedelta(days=90)  # after the end it is known who got it; then only how many
LINK = re.compile(r"(?:https?|tg|mailto|tel):\S+", re.IGNORECASE)
UNSTARTED = ("draft", "scheduled")
OPTIONAL = ("entities", "image", "start_at")
PICTURES_AT_ONCE = 2  # decoded, for each may take a hundred megabytes


class BroadcastDesk:
    """`clock` tells microseconds since 1970; `scheduled` is called when something was scheduled. `random` draws what
    tells a broadcast from all others.
    """

    def __init__(
        self, pool: Pool, live: Live, clock: Callable[[], int], random: Random, scheduled: Callable[[], None]
    ) -> None:
        self._pool = pool
        self._live = live
        self._clock = clock
        self._random = random
        self._scheduled = scheduled
        self._decoding = asyncio.Semaphore(PICTURES_AT_ONCE)

    async def create(self, message: CreateBroadcast) -> Broadcast:
        """Raises Invalid: nothing to see, a caption or a picture that Telegram would not take, a start that has
        passed. That it would reach nobody now is no fault: whom it goes to is listed when it starts.
        """
        now = moment(self._clock())
        recipients = await self._checked(message, now)
        row = await sql.add(
            self._pool,
            _content(message),
            message.audience,
            recipients=recipients,
            now=now,
            start_at=message.start_at,
            random=self._random,
            request=None if message.request is None else f"{message.user} {message.request}",
        )
        log.info("a broadcast was created", broadcast=row["id"], by=message.user, recipients=recipients)
        if message.start_at is not None:
            self._scheduled()
        return shown(row, self._live, now)

    async def _checked(self, message: CreateBroadcast, now: datetime) -> int:
        """How many it would go to now."""
        _check_text(message)
        if message.image is not None:
            async with self._decoding:
                problem = await asyncio.to_thread(_trouble_with_picture, message.image)
            if problem is not None:
                raise _invalid("image", problem)
        if message.start_at is not None:
            if message.start_at <= now:
                raise _invalid("start_at", f"This has passed; it is {now:%Y-%m-%dT%H:%M:%SZ} now")
            if message.start_at - now > FURTHEST_START:
                raise _invalid("start_at", f"At most {FURTHEST_START.days} days from now")
        return await sql.count_audience(self._pool, message.audience, now)

    async def count_audience(self, message: CountAudience) -> AudienceCount:
        return AudienceCount(recipients=await sql.count_audience(self._pool, message.audience, moment(self._clock())))

    async def change(self, message: ChangeBroadcast) -> Broadcast:
        """Raises NotFound, Conflict when it was started or somebody else has changed it, and what `create` raises."""
        now = moment(self._clock())
        before = await self.show(ShowBroadcast(user=message.user, broadcast=message.broadcast))
        content = await sql.content(self._pool, message.broadcast)
        kept = {
            "text": content.text,
            "entities": content.entities,
            "buttons": content.buttons,
            "image": content.image,
            "audience": before.audience,
            "start_at": before.start_at,
        }
        given = {name: getattr(message, name) for name in kept.keys() & message.model_fields_set}
        # None leaves as it is, but for what may be without a value.
        given = {name: value for name, value in given.items() if value is not None or name in OPTIONAL}
        if "text" in given:
            given.setdefault("entities", None)
        merged = CreateBroadcast.model_validate({"user": message.user, **kept, **given})
        state, row = before.state, None
        if state in UNSTARTED:
            recipients = await self._checked(merged, now)
            row = await sql.change(
                self._pool,
                message.broadcast,
                _content(merged),
                merged.audience,
                recipients=recipients,
                start_at=merged.start_at,
                seen=(content.digest, before.audience, before.start_at),
            )
        if row is None:
            state = (await self.show(ShowBroadcast(user=message.user, broadcast=message.broadcast))).state
            if state in UNSTARTED:
                raise Conflict("Somebody else has changed this broadcast just now: look at it again", state=state)
            raise Conflict(f"The broadcast is {state}: it stands as it is", state=state)
        log.info("a broadcast was changed", broadcast=message.broadcast, by=message.user, what=sorted(given))
        if merged.start_at is not None:
            self._scheduled()
        return shown(row, self._live, now)

    async def content(self, message: ShowBroadcastContent) -> BroadcastContent:
        """Raises NotFound."""
        await self.show(ShowBroadcast(user=message.user, broadcast=message.broadcast))
        return await sql.content(self._pool, message.broadcast)

    async def show(self, message: ShowBroadcast) -> Broadcast:
        """Raises NotFound."""
        row = await sql.show(self._pool, message.broadcast)
        if row is None:
            raise NotFound(f"There is no broadcast {message.broadcast}")
        return shown(row, self._live, moment(self._clock()))

    async def note_press(self, message: NoteBroadcastPress) -> Done:
        await sql.note_press(self._pool, message.broadcast, message.user)
        return Done()

    async def page(self, message: ListBroadcasts) -> Broadcasts:
        """Raises Invalid on a cursor that is none."""
        rows = await sql.page(self._pool, _number(message.after), message.limit + 1)
        now = moment(self._clock())
        items = tuple(shown(row, self._live, now) for row in rows[: message.limit])
        return Broadcasts(items=items, next=str(items[-1].id) if len(rows) > message.limit else None)

    async def purge(self) -> None:
        """Forget who got what has ended long ago."""
        purged = await sql.purge(self._pool, moment(self._clock()) - KEPT)
        if purged:
            log.info("deliveries of old broadcasts were deleted", deliveries=purged)


def _check_text(message: CreateBroadcast) -> None:
    if not message.text.strip():
        raise _invalid("text", "There is nothing to see in it")
    length = len(message.text.encode("utf-16-le")) // 2  # as Telegram counts
    if message.image is not None and length > LONGEST_CAPTION:
        raise _invalid("text", f"Below a picture there is room for {LONGEST_CAPTION} characters, not for {length}")
    for number, entity in enumerate(message.entities or ()):
        if entity.offset + entity.length > length:
            raise _invalid(f"entities.{number}", f"It goes beyond the text, which has {length} UTF-16 units")
        problem = _trouble_with_value(entity)
        if problem is not None:
            raise _invalid(f"entities.{number}.value", problem)
    for place, row in enumerate(message.buttons):
        for number, button in enumerate(row):
            if button.url is not None and "." not in (button.url.host or "").strip("."):
                raise _invalid(f"buttons.{place}.{number}.url", "Telegram takes only addresses with a full host name")


def _trouble_with_value(entity: Entity) -> str | None:
    """Why Telegram could not take its value; None: it can."""
    value = entity.value or ""
    if entity.type == "custom_emoji" and not (value.isascii() and value.isdigit() and int(value) < 2**63):
        return "The id of a custom emoji is a number"
    if entity.type == "link" and not LINK.fullmatch(value):
        return "A link has an address, as https://example.org/"
    return None


def _trouble_with_picture(image: bytes) -> str | None:
    """Why it is no PNG or JPEG that Telegram would take; None: it is one, to its last pixel."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about sizes, which are looked at here
            with Image.open(io.BytesIO(image), formats=("PNG", "JPEG")) as picture:
                width, height = picture.size
                if width + height > LONGEST_SIDES:
                    return f"It is {width} by {height} pixels; both together may be {LONGEST_SIDES}"
                if max(width, height) > LONGEST_SHAPE * min(width, height):
                    return f"It is {width} by {height} pixels; one side may be {LONGEST_SHAPE} times the other"
                picture.verify()  # the checksums of a PNG
            with Image.open(io.BytesIO(image), formats=("PNG", "JPEG")) as picture:
                picture.load()
    except UnidentifiedImageError:
        return "It is not a PNG or JPEG"
    except Exception as error:  # whatever a decoder meets in a broken picture
        return f"It is broken: {error}"[:200]
    return None


def _content(message: CreateBroadcast) -> BroadcastContent:
    plain = message.model_dump(mode="json", include={"text", "entities", "buttons"})
    digest = sha256(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS))
    digest.update(message.image or b"")
    return BroadcastContent(
        text=message.text,
        entities=message.entities,
        buttons=message.buttons,
        image=message.image,
        digest=digest.hexdigest(),
    )


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise _invalid("after", "It is not a `next` of this list")
    return int(cursor)


def _invalid(path: str, problem: str) -> Invalid:
    return Invalid(f"The broadcast does not validate: {path}", (FieldError(path=path, message=problem),))
