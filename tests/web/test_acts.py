"""What is recorded and what is parked, in words."""

from __future__ import annotations

from collections.abc import Iterator

from actors.audit import READING
from protocols import messages as m
from protocols.web.pages.administration import ACTS, EVENTS


def _kinds(of: type[m.Command]) -> Iterator[type[m.Command]]:
    for kind in of.__subclasses__():
        yield from _kinds(kind)
        if not kind.__name__.endswith("Command"):  # which is what those are called that others are made of
            yield kind


def test_whatever_is_recorded_has_a_name_to_be_read_and_found_by() -> None:
    recorded = {kind.__name__ for kind in _kinds(m.Command) if kind.least_role != "student" and kind not in READING}
    assert recorded == set(ACTS)


def test_whatever_may_be_parked_has_words() -> None:
    assert {kind.model_fields["type"].default for kind in m.Event.__subclasses__()} == set(EVENTS)
