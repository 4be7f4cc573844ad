"""One's data as a file: small as it is, large in an archive."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime

from protocols.messages import AccountExport, Profile
from protocols.telegram.files import LARGEST
from protocols.telegram.screens.account import packed


def export(lines: int) -> AccountExport:
    profile = Profile(
        id=1,
        login=None,
        name="Анна",
        language="ru",
        grade=9,
        role="student",
        notifications=True,
        registered_at=datetime(2024, 1, 1, tzinfo=UTC),
        last_seen_at=None,
        telegram=True,
    )
    journal = tuple({"seq": number, "data": {"type": "answered", "text": "ель " * 50}} for number in range(lines))
    empty = dict.fromkeys(
        ("tokens", "chats", "broadcasts", "contests", "favorites", "trainings", "answers", "reports"), ()
    )
    return AccountExport.model_validate({"profile": profile, "journal": journal, **empty})


def test_a_short_history_is_json() -> None:
    kept = export(3)
    file, name = packed(kept)
    assert name == "apo-export.json"
    assert json.loads(file) == kept.model_dump(mode="json")


def test_a_history_beyond_what_telegram_takes_is_an_archive_of_the_same() -> None:
    kept = export(30_000)
    file, name = packed(kept)
    assert name == "apo-export.zip"
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        assert len(archive.read("apo-export.json")) > LARGEST > len(file)
