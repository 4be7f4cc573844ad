"""The service with a sampler: `python -m benchmarks.sampled FILE` writes which part its processor time was spent in.

A timer of the process's own processor time interrupts it, and what it was doing then is counted for the innermost
part of the program on the stack. (What drivers and the event loop do in C belongs to whoever called them.)
It counts from SIGUSR1 until SIGUSR2, so that starting and stopping are left out.
"""

from __future__ import annotations

import json
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

EVERY_SECONDS = 0.002
# By the file's path, the first that fits.
PARTS = (
    ("/pyrogram/", "Pyrogram"),
    ("/protocols/telegram/", "the bot"),
    ("/protocols/catalogue", "the bot"),
    ("/protocols/markdown", "the bot"),
    ("/actors/training/", "session actor"),
    ("/actors/session", "session actor"),
    ("/actors/storage", "commit"),
    ("/storage/postgres/journal", "commit"),
    ("/actors/relay", "relays"),
    ("/storage/postgres/read_models", "relays"),
    ("/storage/mongo/counters", "relays"),
    ("/storage/clickhouse/", "relays"),
    ("/storage/", "other tables"),
    ("/actors/", "router, chats, accounts"),
)
REST = "event loop, drivers"


def part_of(frame: FrameType | None) -> str:
    while frame is not None:
        file = frame.f_code.co_filename
        for path, part in PARTS:
            if path in file:
                return part
        frame = frame.f_back
    return REST


def main(file: Path) -> int:
    counts: Counter[str] = Counter()

    def sample(_: int, frame: FrameType | None) -> None:
        counts[part_of(frame)] += 1

    from main import main as serve

    signal.signal(signal.SIGPROF, sample)
    signal.signal(signal.SIGUSR1, lambda *_: signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS))
    signal.signal(signal.SIGUSR2, lambda *_: signal.setitimer(signal.ITIMER_PROF, 0))
    try:
        return serve(["serve"])
    finally:
        file.write_text(json.dumps(counts))


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
