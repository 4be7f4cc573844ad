"""Accounts that are joined, with the service killed between the steps, are one account with all their history."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.durability.audit import judge, read_stopped
from tests.durability.campaign import report
from tests.durability.joining import POINTS
from tests.running import ROOT

SECONDS = 120.0


async def run(folder: Path, *arguments: str) -> int:
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.durability.joining",
            str(folder / "data"),
            *arguments,
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        return await asyncio.wait_for(process.wait(), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()


def log_of(folder: Path) -> str:
    return (folder / "log").read_text(encoding="utf-8", errors="replace")[-4000:]


@pytest.mark.parametrize("points", [("left",), pytest.param(POINTS, marks=pytest.mark.thorough)], ids=" ".join)
async def test_a_join_that_is_killed_anywhere_comes_to_its_end_once(tmp_path: Path, points: Sequence[str]) -> None:
    for number, point in enumerate(points):
        # Its start also drives on what the one before left undone.
        assert await run(tmp_path, "join", str(number), point) == -signal.SIGKILL, log_of(tmp_path)
    file = tmp_path / "seen.json"
    assert await run(tmp_path, "look", str(len(points)), str(file)) == 0, log_of(tmp_path)
    people = json.loads(file.read_text(encoding="utf-8"))
    assert len(people) == len(points)
    for person in people:
        assert_one_account(person)
    board = people[-1]["board"]["items"]
    assert len(board) == len(points), "who has become part of another stands on no board"
    stored = await read_stopped(tmp_path / "data")
    assert [row.data["type"] for row in stored.journal].count("joined") == len(points)
    assert [row.data["type"] for row in stored.journal].count("left") == len(points)
    verdict = judge(stored, [])
    assert not verdict.faults, report(verdict)


def assert_one_account(person: dict[str, Any]) -> None:
    user = person["user"]
    assert person["chat_user"] == user
    profile = person["export"]["profile"]
    assert (profile["id"], profile["telegram"]) == (user, True)
    assert len(person["export"]["chats"]) == 1
    trainings = person["trainings"]["items"]
    # The newest first: those of the web account and of the Telegram account by turns.
    assert [training["size"] for training in trainings] == [4, 3, 3, 2]
    assert [training["status"] for training in trainings] == ["open", "finished", "finished", "finished"]
    assert [training["progress"]["answered"] for training in trainings] == [1, 1, 3, 2]
    assert person["current"]["id"] == f"{user}-2" == trainings[0]["id"]
    assert person["next"]["id"] == f"{user}-5"
    statistics = person["statistics"]
    assert (statistics["trainings"], statistics["totals"]["answered"]) == (4, 7)
    assert statistics["streak"]["current"] == 1
    exported = person["export"]
    assert len(exported["answers"]) == 7
    assert len(exported["favorites"]) == 2
    assert len(exported["reports"]) == 1
    events = [(row["user_id"] == user, row["data"]["type"]) for row in exported["journal"]]
    assert (False, "left") in events
    assert (True, "joined") in events
    assert [own for own, kind in events if kind == "started"] == [False, True, False, True]
