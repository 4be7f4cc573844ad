"""A process for bank files, which may be large and odd: neither their memory nor their time is the service's."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TypeVar

import structlog

from actors import bank_files
from actors.bank_files import Progress
from protocols.messages import Unavailable

log = structlog.get_logger()

Result = TypeVar("Result")

JOB_SECONDS = 300.0
KEPT_BYTES = 200 << 20  # a process that had more is ended: it would not give it back
MOST_BYTES = 4 << 30  # of addresses; a file that needs more is refused


def unwatched(what: str, done: int, total: int) -> None:
    """Nobody looks."""


class BankProcess:
    """Does one job after the other, with a connection to the MongoDB at `url` of its own. It is started by the first
    job, and again after one that was too much for it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._executor: ProcessPoolExecutor | None = None
        self._pipe: tuple[Connection, Connection] | None = None  # what it tells comes out of the first
        self._progress: Progress = unwatched
        self._one_job = asyncio.Lock()

    def close(self) -> None:
        """End the process even in the middle of a job: an import is whole or nothing nevertheless."""
        executor, self._executor = self._executor, None
        pipe, self._pipe = self._pipe, None
        if executor is None or pipe is None:
            return
        asyncio.get_running_loop().remove_reader(pipe[0].fileno())
        for end in pipe:
            end.close()
        # Only the executor knows its process; from Python 3.14 on it ends it itself (kill_workers).
        processes = list((executor._processes or {}).values())
        executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()

    async def run(self, name: str, work: Callable[[], Result], progress: Progress = unwatched) -> Result:
        """What `work` returns there. `name` is told if it takes too much, which raises Unavailable."""
        async with self._one_job:
            executor = self._executor or self._start()
            self._progress = progress
            try:
                running = asyncio.get_running_loop().run_in_executor(executor, _job, work)
                result, most = await asyncio.wait_for(running, JOB_SECONDS)
            except (BrokenProcessPool, TimeoutError, MemoryError):
                self.close()
                log.exception("a bank file could not be worked on", name=name)
                raise Unavailable(f"{name} takes too much time or memory.", 60) from None
            finally:
                self._progress = unwatched
            if most > KEPT_BYTES:
                self.close()
            return result

    def _start(self) -> ProcessPoolExecutor:
        spawning = multiprocessing.get_context("spawn")
        heard, telling = self._pipe = spawning.Pipe(duplex=False)
        asyncio.get_running_loop().add_reader(heard.fileno(), lambda: self._progress(*heard.recv()))
        self._executor = ProcessPoolExecutor(1, mp_context=spawning, initializer=_begin, initargs=(self._url, telling))
        return self._executor


# --- In the process -------------------------------------------------------------------------------------------


def _begin(url: str, telling: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    bank_files.prepare_process()

    def tell(what: str, done: int, total: int) -> None:
        with suppress(BrokenPipeError):  # nobody looks any more
            telling.send((what, done, total))

    bank_files.begin(url, tell)


def _job(work: Callable[[], Result]) -> tuple[Result, int]:
    """What `work` returns, and how many bytes of memory this process had at most so far."""
    try:
        return work(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    finally:
        gc.collect()
