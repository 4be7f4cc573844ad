"""The service with a sampler: `python -m benchmarks.sampled FILE` writes where its processor time went.

The main thread is interrupted by a timer of its own processor time, so waiting does not count. A sample belongs to
the innermost frame on the stack whose file is of one of PARTS: what a library does belongs to whoever called it, and
what the event loop and the drivers do by themselves to nobody (REST). Other threads are measured whole by their own
clocks: a signal would be counted for what the main thread happened to do meanwhile. Pyrogram packs and unpacks
messages in such a thread, and ClickHouse runs in others.

It counts from SIGUSR1 until SIGUSR2, so that starting and stopping are left out.
"""

from __future__ import annotations

import ctypes
import dis
import json
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from types import FrameType

EVERY_SECONDS = 0.002
PYROGRAM, BOT, SESSION, COMMIT, RELAYS = "Pyrogram", "the bot", "session actor", "commit", "relays"
TABLES, ASKED = "other tables", "router, chats, accounts"
REST = "event loop, drivers"
OURS = (BOT, SESSION, COMMIT, RELAYS, TABLES, ASKED)
# By the file's path, the first that fits.
PARTS = (
    ("/pyrogram/", PYROGRAM),
    ("/protocols/telegram/", BOT),
    ("/protocols/", BOT),
    ("/actors/training/", SESSION),
    ("/actors/session", SESSION),
    ("/actors/storage", COMMIT),
    ("/storage/postgres/journal", COMMIT),
    ("/actors/relay", RELAYS),
    ("/storage/postgres/read_models", RELAYS),
    ("/storage/mongo/counters", RELAYS),
    ("/storage/clickhouse/", RELAYS),
    ("/storage/", TABLES),
    ("/actors/", ASKED),
)
# By the beginning of their names; threads that Python knows nothing of are ClickHouse's.
THREADS = (("CryptoWorker", PYROGRAM),)
NATIVE = "ClickHouse's own threads"

ROOT = f"{Path(__file__).resolve().parents[1]}/"
RESUME = dis.opmap["RESUME"]


def place_of(frame: FrameType | None) -> tuple[str, str]:
    """The part, and the module of ours ("" for those of others)."""
    while frame is not None:
        code = frame.f_code
        # A function that was just entered has not done anything yet: the time is that of who called it.
        if code.co_code[frame.f_lasti] != RESUME:
            for path, part in PARTS:
                if path in code.co_filename:
                    name = code.co_filename
                    return part, name.removeprefix(ROOT).removesuffix(".py") if name.startswith(ROOT) else ""
        frame = frame.f_back
    return REST, ""


def seconds_of_threads() -> dict[str, float]:
    """Processor time by what the threads beside the main one work for."""
    spent: dict[str, float] = defaultdict(float)
    known = time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID)  # of this one, which is the main thread
    for thread in threading.enumerate():
        if thread is threading.main_thread() or thread.ident is None:
            continue
        try:
            seconds = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        except OSError:  # it has just ended
            continue
        part = next((part for name, part in THREADS if thread.name.startswith(name)), REST)
        spent[part] += seconds
        known += seconds
    spent[NATIVE] = time.process_time() - known
    return spent


class Timer:
    """Sends SIGALRM whenever the thread that made it has worked for EVERY_SECONDS (timer_create(2))."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._timer = ctypes.c_void_p()
        if self._libc.timer_create(time.CLOCK_THREAD_CPUTIME_ID, None, ctypes.byref(self._timer)):
            raise OSError(ctypes.get_errno(), "timer_create")

    def set(self, seconds: float) -> None:
        """0 stops it."""
        nanoseconds = int(seconds * 1e9)
        every = (ctypes.c_long * 4)(0, nanoseconds, 0, nanoseconds)
        if self._libc.timer_settime(self._timer, 0, every, None):
            raise OSError(ctypes.get_errno(), "timer_settime")


class Sampler:
    """Its methods are handlers of signals: they run in the main thread."""

    def __init__(self) -> None:
        self._timer = Timer()
        self._samples: Counter[tuple[str, str]] = Counter()
        self._seconds = 0.0
        self._threads: dict[str, float] = {}

    def begin(self, *_: object) -> None:
        self._threads = seconds_of_threads()
        self._seconds = time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID)
        self._timer.set(EVERY_SECONDS)

    def sample(self, _: int, frame: FrameType | None) -> None:
        self._samples[place_of(frame)] += 1

    def end(self, *_: object) -> None:
        self._timer.set(0)
        self._seconds = time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID) - self._seconds
        before, after = self._threads, seconds_of_threads()
        self._threads = {part: max(0.0, seconds - before.get(part, 0.0)) for part, seconds in after.items()}

    def report(self) -> list[tuple[str, str, float]]:
        """Part, module, and seconds of the processor."""
        each = self._seconds / max(1, self._samples.total())
        main = [(part, module, count * each) for (part, module), count in self._samples.items()]
        return main + [(part, "in threads", seconds) for part, seconds in self._threads.items()]


def main(file: Path) -> int:
    from main import main as serve

    sampler = Sampler()
    signal.signal(signal.SIGALRM, sampler.sample)
    signal.signal(signal.SIGUSR1, sampler.begin)
    signal.signal(signal.SIGUSR2, sampler.end)
    try:
        return serve(["serve"])
    finally:
        file.write_text(json.dumps(sampler.report()))


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
