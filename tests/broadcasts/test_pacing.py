"""The pure parts: the pace, what is measured of it, quiet hours, and the number of a delivery."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.pacing import RECOVERY_SECONDS, SLOWEST, Meter, Pace, QuietHours, random_id

IDS = st.integers(min_value=1, max_value=2**63 - 1)
RATES = st.integers(min_value=1, max_value=2_000)
MOSCOW = ZoneInfo("Europe/Moscow")
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
CLOCKS = st.times().map(lambda at: at.replace(second=0, microsecond=0))


def sent(pace: Pace, seconds: float, lateness: list[float], begin: float = 0.0) -> list[float]:
    """When messages go, if each wake-up is late by the next of `lateness`, over and over."""
    now = begin
    times: list[float] = []
    while now < begin + seconds:
        due = pace.next(now)
        if due > now:
            now = due + lateness[len(times) % len(lateness)]
            continue
        pace.went(now)
        times.append(now)
    return times


def most_in_a_second(times: list[float]) -> int:
    most = begin = 0
    for end, at in enumerate(times):
        while times[begin] <= at - 1:
            begin += 1
        most = max(most, end - begin + 1)
    return most


@given(rate=RATES, lateness=st.lists(st.floats(0, 3), min_size=1, max_size=20))
def test_a_second_never_holds_more_than_the_rate_and_one(rate: int, lateness: list[float]) -> None:
    assert most_in_a_second(sent(Pace(rate), 5.0, lateness)) <= rate + 1


@given(rate=st.integers(min_value=10, max_value=30), lateness=st.lists(st.floats(0, 0.03), min_size=1, max_size=20))
def test_what_is_a_little_late_does_not_slow_the_rate(rate: int, lateness: list[float]) -> None:
    times = sent(Pace(rate), 100.0, lateness)
    assert len(times) == pytest.approx(100 * rate, rel=0.01)


@pytest.mark.parametrize("rate", [0.5, 1, 25, 30, 100, 1_000, 10_000])
def test_the_rate_is_kept_within_a_percent_with_timers_of_a_millisecond(rate: float) -> None:
    times = sent(Pace(rate), 200.0 if rate < 100 else 10.0, [0.001])
    assert (len(times) - 1) / (times[-1] - times[0]) == pytest.approx(rate, rel=0.01)


def test_what_was_missed_is_not_caught_up() -> None:
    pace = Pace(25)
    before = sent(pace, 10.0, [0.0])
    after = sent(pace, 10.0, [0.0], begin=15.0)
    assert len(after) <= len(before) + 1


def test_nothing_goes_while_telegram_asks_to_wait() -> None:
    pace = Pace(25)
    sent(pace, 1.0, [0.0])
    pace.wait(1.0, 60)
    assert pace.waits(60.9)
    assert not pace.waits(61.0)
    assert sent(pace, 10.0, [0.0], begin=1.0) == []
    assert pace.next(61.0) == 61.0


def test_after_a_wait_it_starts_at_half_and_returns_to_the_whole_rate_by_itself() -> None:
    pace = Pace(20)
    pace.wait(0.0, 10)
    assert pace.rate(10.0) == pytest.approx(10)
    assert len(sent(pace, 2.0, [0.0], begin=10.0)) <= 23
    assert pace.rate(10.0 + RECOVERY_SECONDS / 4) == pytest.approx(15)
    assert pace.rate(10.0 + RECOVERY_SECONDS) == pytest.approx(20)
    assert len(sent(pace, 10.0, [0.0], begin=100.0)) == pytest.approx(200, abs=2)


def test_those_that_were_on_their_way_together_slow_it_once() -> None:
    pace = Pace(20)
    for _ in range(50):
        pace.wait(0.0, 10)
    pace.wait(0.5, 20)
    assert pace.waits(20.4)
    assert pace.rate(20.5) == pytest.approx(10)


def test_however_often_telegram_asks_it_goes_on() -> None:
    pace = Pace(16)
    now = 0.0
    for _ in range(20):
        pace.wait(now, 1)
        now += 1
    assert pace.rate(now) == pytest.approx(16 * SLOWEST, rel=0.5)
    assert pace.rate(now) >= 16 * SLOWEST


@given(broadcast=IDS, telegram=IDS)
def test_the_number_of_a_delivery_is_a_long_and_never_zero(broadcast: int, telegram: int) -> None:
    number = random_id(broadcast, telegram)
    assert -(2**63) <= number < 2**63
    assert number != 0
    assert number == random_id(broadcast, telegram)


def test_the_number_of_a_delivery_is_derived_as_documented() -> None:
    digest = sha256(bytes([0] * 7 + [1]) + bytes([0] * 7 + [2])).digest()
    assert random_id(1, 2) == int.from_bytes(digest[:8], "big", signed=True)


def test_deliveries_have_different_numbers() -> None:
    numbers = {random_id(broadcast, telegram) for broadcast in range(100) for telegram in range(100)}
    assert len(numbers) == 10_000


def test_the_measured_rate_is_of_the_last_seconds() -> None:
    meter = Meter()
    for number in range(500):
        meter.note(number / 25)  # for 20 seconds
    assert meter.rate(20.0) == pytest.approx(25, rel=0.05)
    assert meter.rate(25.0) == pytest.approx(12.5, rel=0.1)
    assert meter.rate(60.0) == 0


def quiet(begin: str, end: str, zone: ZoneInfo = MOSCOW) -> QuietHours:
    return QuietHours(time.fromisoformat(begin), time.fromisoformat(end), zone)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("hours", "now", "over"),
    [
        (quiet("22:00", "08:00"), "2026-09-01T21:59+03:00", None),
        (quiet("22:00", "08:00"), "2026-09-01T22:00+03:00", "2026-09-02T08:00+03:00"),
        (quiet("22:00", "08:00"), "2026-09-02T03:00+03:00", "2026-09-02T08:00+03:00"),
        (quiet("22:00", "08:00"), "2026-09-02T08:00+03:00", None),
        (quiet("13:00", "14:30"), "2026-09-01T13:15+03:00", "2026-09-01T14:30+03:00"),
        (quiet("13:00", "14:30"), "2026-09-01T23:15+03:00", None),
        (quiet("22:00", "08:00", ZoneInfo("Asia/Vladivostok")), "2026-09-01T15:00+03:00", "2026-09-02T01:00+03:00"),
        # The clocks of Berlin are put back at three in that night, which has nine hours from eleven to seven.
        (quiet("23:00", "07:00", ZoneInfo("Europe/Berlin")), "2026-10-24T23:00+02:00", "2026-10-25T07:00+01:00"),
    ],
)
def test_quiet_hours_are_by_the_clocks_of_the_zone(hours: QuietHours, now: str, over: str | None) -> None:
    assert hours.over(at(now)) == (None if over is None else at(over))


@given(
    now=MOMENTS,
    begin=CLOCKS,
    end=CLOCKS,
    zone=st.sampled_from(["Europe/Moscow", "UTC", "America/New_York", "Asia/Kolkata"]),
    share=st.floats(0, 0.999),
)
def test_quiet_is_over_later_and_it_is_quiet_until_then(
    now: datetime, begin: time, end: time, zone: str, share: float
) -> None:
    if begin == end:
        return
    hours = QuietHours(begin, end, ZoneInfo(zone))
    over = hours.over(now)
    if over is None:
        return
    assert now < over <= now + timedelta(hours=26)
    between = now + (over - now) * share
    nearly = timedelta(hours=1)  # where clocks change, that hour is told only when it is there
    assert hours.over(between) is not None or over - between <= nearly
