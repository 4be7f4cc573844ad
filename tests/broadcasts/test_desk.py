"""What is accepted as a broadcast, and who would get it."""

from __future__ import annotations

import asyncio
import io
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image

from protocols import messages as m
from storage.postgres import broadcasts as sql
from storage.postgres.pool import transaction
from tests.broadcasts.stand import ADMIN, NOON, REAL_SECONDS, Stand


def picture(format: str = "PNG", size: tuple[int, int] = (60, 40)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, format)
    return file.getvalue()


async def refused(stand: Stand, **fields: Any) -> set[str]:
    """The places that a refusal names."""
    with pytest.raises(m.Invalid) as caught:
        await stand.create(**fields)
    assert all(error.message for error in caught.value.errors)
    return {error.path for error in caught.value.errors}


async def test_a_new_one_is_a_draft_with_its_recipients_counted(stand: Stand) -> None:
    await stand.people(1, 2, 3)
    told = await stand.show(await stand.create("Hello"))
    assert (told.state, told.recipients, told.left, told.sent) == ("draft", 3, 3, 0)
    assert (told.text, told.image, told.created_at, told.start_at) == ("Hello", False, NOON, None)


async def test_one_with_a_start_is_scheduled(stand: Stand) -> None:
    await stand.people(1)
    told = await stand.show(await stand.create(start_at=NOON + timedelta(hours=1)))
    assert (told.state, told.start_at) == ("scheduled", NOON + timedelta(hours=1))


@pytest.mark.parametrize("ahead", [timedelta(days=-1), timedelta(0), timedelta(days=400)])
async def test_a_start_that_has_passed_or_is_far_away_is_refused(stand: Stand, ahead: timedelta) -> None:
    await stand.people(1)
    assert await refused(stand, start_at=NOON + ahead) == {"start_at"}


async def test_one_that_would_reach_nobody_yet_is_kept(stand: Stand) -> None:
    await stand.people(1, grade=9)
    told = await stand.show(await stand.create(audience=m.Audience(grades=(10,))))
    assert (told.state, told.recipients) == ("draft", 0)


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
async def test_a_picture_is_kept_as_it_came(stand: Stand, format: str) -> None:
    await stand.people(1)
    broadcast = await stand.create(image=picture(format))
    assert (await stand.show(broadcast)).image
    assert (await sql.content(stand.pool, broadcast)).image == picture(format)


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"not a picture",
        picture()[:-20],
        picture("GIF"),
        picture("BMP"),
        picture(size=(2100, 100)),
        picture(size=(9_900, 600)),
    ],
    ids=["empty", "text", "cut off", "GIF", "BMP", "too long", "too large"],
)
async def test_what_is_no_picture_for_telegram_is_refused(stand: Stand, image: bytes) -> None:
    await stand.people(1)
    assert await refused(stand, image=image) == {"image"}


async def test_below_a_picture_there_is_less_room(stand: Stand) -> None:
    await stand.people(1)
    await stand.create("я" * 1024, image=picture())
    await stand.create("я" * 4096)
    assert await refused(stand, text="😀" * 513, image=picture()) == {"text"}


async def test_a_text_of_spaces_is_refused(stand: Stand) -> None:
    await stand.people(1)
    assert await refused(stand, text=" \n ") == {"text"}


async def test_formatting_beyond_the_text_is_refused(stand: Stand) -> None:
    await stand.people(1)
    beyond = (m.Entity(type="bold", offset=0, length=2), m.Entity(type="bold", offset=2, length=3))
    assert await refused(stand, text="four", entities=beyond) == {"entities.1"}
    await stand.create("😀😀", entities=(m.Entity(type="bold", offset=0, length=4),))


@pytest.mark.parametrize(
    ("type", "value"),
    [("custom_emoji", None), ("custom_emoji", "abc"), ("custom_emoji", "9" * 30), ("link", None), ("link", "a b")],
)
async def test_formatting_that_telegram_could_not_take_is_refused(
    stand: Stand, type: m.EntityType, value: str | None
) -> None:
    await stand.people(1)
    entity = m.Entity(type=type, offset=0, length=4, value=value)
    assert await refused(stand, text="four", entities=(entity,)) == {"entities.0.value"}


@pytest.mark.parametrize(("type", "value"), [("custom_emoji", "5368324170671202286"), ("link", "tg://user?id=5")])
async def test_formatting_with_a_fitting_value_is_taken(stand: Stand, type: m.EntityType, value: str) -> None:
    await stand.people(1)
    assert await stand.create("four", entities=(m.Entity(type=type, offset=0, length=4, value=value),))


async def test_a_button_to_a_place_that_only_this_machine_knows_is_refused(stand: Stand) -> None:
    await stand.people(1)
    button = m.Button.model_validate({"text": "Go", "url": "http://localhost/"})
    assert await refused(stand, buttons=((button,),)) == {"buttons.0.0.url"}


async def test_the_same_content_has_the_same_digest(stand: Stand) -> None:
    await stand.people(1)
    same, too, other, longer = [
        await stand.create(text, image=image)
        for text, image in (("a", picture()), ("a", picture()), ("a", picture("JPEG")), ("ab", picture()))
    ]
    digests = [(await sql.content(stand.pool, one)).digest for one in (same, too, other, longer)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


async def test_the_list_is_in_pages_newest_first(stand: Stand) -> None:
    await stand.people(1)
    made = [await stand.create(str(number)) for number in range(5)]
    first = await stand.desk.page(m.ListBroadcasts(user=ADMIN, limit=3))
    rest = await stand.desk.page(m.ListBroadcasts(user=ADMIN, limit=3, after=first.next))
    assert [one.id for one in (*first.items, *rest.items)] == made[::-1]
    assert rest.next is None


async def test_a_cursor_that_is_none_is_refused(stand: Stand) -> None:
    with pytest.raises(m.Invalid):
        await stand.desk.page(m.ListBroadcasts(user=ADMIN, after="x"))


# --- The audience -------------------------------------------------------------------------------------------


async def audience(stand: Stand, **filters: Any) -> int:
    return (await stand.desk.count_audience(m.CountAudience(user=ADMIN, audience=m.Audience(**filters)))).recipients


async def change(stand: Stand, broadcast: int, **fields: Any) -> m.Broadcast:
    return await stand.desk.change(m.ChangeBroadcast(user=ADMIN, broadcast=broadcast, **fields))


async def test_a_draft_is_changed_only_in_what_is_given(stand: Stand) -> None:
    await stand.people(1, grade=9)
    await stand.people(2)
    bold = (m.Entity(type="bold", offset=0, length=4),)
    broadcast = await stand.create("Helo", entities=bold, image=picture(), audience=m.Audience(grades=(9,)))
    told = await change(stand, broadcast, text="Hello", entities=bold)
    assert (told.text, told.image, told.recipients, told.state) == ("Hello", True, 1, "draft")
    told = await change(stand, broadcast, image=None, audience=m.Audience())
    assert (told.text, told.image, told.recipients) == ("Hello", False, 2)
    assert (await sql.content(stand.pool, broadcast)).entities == bold
    await change(stand, broadcast, text="Hello **all**")
    assert (await sql.content(stand.pool, broadcast)).entities is None


async def test_what_was_changed_is_what_is_sent(stand: Stand) -> None:
    await stand.people(1)
    stand.start()
    broadcast = await stand.create("Helo")
    await change(stand, broadcast, text="Hello")
    await stand.begin(broadcast)
    await stand.finished(broadcast)
    assert stand.telegram.received(1) == ["Hello"]
    with pytest.raises(m.Conflict) as caught:
        await change(stand, broadcast, text="Hello again")
    assert caught.value.details["state"] == "finished"


async def test_a_start_is_set_moved_and_taken_away(stand: Stand) -> None:
    await stand.people(1)
    broadcast = await stand.create()
    told = await change(stand, broadcast, start_at=NOON + timedelta(hours=1))
    assert (told.state, told.start_at) == ("scheduled", NOON + timedelta(hours=1))
    assert (await change(stand, broadcast, text="Hi")).start_at == NOON + timedelta(hours=1)
    with pytest.raises(m.Invalid):
        await change(stand, broadcast, start_at=NOON)
    told = await change(stand, broadcast, start_at=None)
    assert (told.state, told.start_at) == ("draft", None)


async def test_what_a_draft_is_changed_to_must_fit_as_a_whole(stand: Stand) -> None:
    await stand.people(1)
    broadcast = await stand.create("я" * 1025)
    with pytest.raises(m.Invalid) as caught:
        await change(stand, broadcast, image=picture())
    assert [error.path for error in caught.value.errors] == ["text"]


async def test_of_two_who_change_a_draft_at_once_the_later_is_told(stand: Stand) -> None:
    await stand.people(1)
    broadcast = await stand.create("Helo")
    async with transaction(stand.pool) as held:
        await held.execute("SELECT FROM broadcasts WHERE id = $1 FOR UPDATE", broadcast)
        one = asyncio.create_task(change(stand, broadcast, text="Hello"))
        other = asyncio.create_task(change(stand, broadcast, start_at=NOON + timedelta(hours=1)))
        async with asyncio.timeout(REAL_SECONDS):  # until both have seen it as it was
            while await stand.hand("SELECT count(*) FROM pg_locks WHERE NOT granted") < 2:
                await asyncio.sleep(0.01)
    done = await asyncio.gather(one, other, return_exceptions=True)
    assert sorted(type(end).__name__ for end in done) == ["Broadcast", "Conflict"]


async def train(stand: Stand, user: int, subject: str, platform: str) -> None:
    number = await stand.hand("SELECT count(*) + 1 FROM trainings WHERE user_id = $1", user)
    await stand.hand(
        """INSERT INTO trainings (id, user_id, number, subject, mode, questions, started_at, platform)
           VALUES ($1, $2, $3, $4, 'practice', '{1}', now(), $5)""",
        f"{user}-{number}",
        user,
        number,
        subject,
        platform,
    )


async def test_it_goes_to_whom_telegram_reaches_and_who_want_it(stand: Stand) -> None:
    await stand.people(1)
    await stand.people(2, notifications=False)
    await stand.people(3, blocked=True)
    await stand.people(4)
    await stand.hand("UPDATE chats SET unreachable_since = now(), unreachable_why = 'deleted' WHERE telegram_id = 4")
    await stand.hand("INSERT INTO users (id, name) OVERRIDING SYSTEM VALUE VALUES (5, 'No chat')")
    assert await audience(stand) == 1


async def test_by_grade(stand: Stand) -> None:
    await stand.people(1, 2, grade=9)
    await stand.people(3, grade=10)
    await stand.people(4)
    assert [await audience(stand, grades=grades) for grades in ((9,), (9, 10), (11,))] == [2, 3, 0]


async def test_by_user(stand: Stand) -> None:
    await stand.people(1, 2, 3)
    assert await audience(stand, users=(1, 3, 77)) == 2


async def test_by_the_day_they_were_here_last(stand: Stand) -> None:
    await stand.people(1, last_seen_at=NOON - timedelta(days=1))
    await stand.people(2, last_seen_at=NOON - timedelta(days=20))
    await stand.people(3)
    assert [await audience(stand, active_days=days) for days in (7, 30)] == [1, 2]


async def test_by_subject_and_platform_of_one_training(stand: Stand) -> None:
    await stand.people(1, 2, 3)
    await train(stand, 1, "biology", "telegram")
    await train(stand, 1, "biology", "telegram")
    await train(stand, 2, "biology", "http")
    await train(stand, 2, "mathematics", "telegram")
    assert await audience(stand, subjects=("biology",)) == 2
    assert await audience(stand, platforms=("telegram",)) == 2
    assert await audience(stand, subjects=("biology",), platforms=("telegram",)) == 1
    assert await audience(stand, subjects=("biology", "mathematics"), platforms=("http", "web")) == 1
    assert await audience(stand, subjects=("chemistry",)) == 0


async def test_the_filters_narrow_together(stand: Stand) -> None:
    await stand.people(1, 2, grade=9)
    await train(stand, 1, "biology", "web")
    assert await audience(stand, grades=(9,), subjects=("biology",), users=(1, 2)) == 1
