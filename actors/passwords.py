"""Hashing of passwords with argon2id, off the event loop, on a bounded number of threads and with a bounded
queue.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from protocols.messages import Unavailable

T = TypeVar("T")

# 19 MiB and two passes on one lane: the least that OWASP's Password Storage Cheat Sheet holds sufficient for
# argon2id. RFC 9106's own second choice (64 MiB, three passes, four lanes) takes ten times the work, and
# with it a class that logs in at nine o'clock would wait a minute on a server with two cores. Raised later,
# hashes are renewed as their owners log in.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
NICENESS = 10


class Passwords:
    """At most `threads` hashes are worked on at a time and `waiting` more wait; the next is refused with
    Unavailable.
    """

    def __init__(self, hasher: PasswordHasher = HASHER, *, threads: int = 2, waiting: int = 64) -> None:
        self._hasher = hasher
        self._room = threads + waiting
        self._busy = 0
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="passwords", initializer=_yield_to_others)
        # Verified against when a login is unknown, so that the answer takes as long as for a known one.
        self._nobody = hasher.hash(os.urandom(16))

    async def hash(self, password: str) -> str:
        """Raises Unavailable when too many wait."""
        return await self._run(lambda: self._hasher.hash(password))

    async def matches(self, hashed: str | None, password: str) -> bool:
        """Whether it is the password; with no hash it is not, after the same time. Raises Unavailable when
        too many wait.
        """
        known = await self._run(lambda: self._verify(hashed or self._nobody, password))
        return known and hashed is not None

    def outdated(self, hashed: str) -> bool:
        """Whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)

    def close(self) -> None:
        """Finish what is being worked on; waits for it, a tenth of a second or so."""
        self._executor.shutdown(cancel_futures=True)

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._busy >= self._room:
            raise Unavailable("Too many passwords are being checked", retry_after=2)
        self._busy += 1
        job = self._executor.submit(work)
        # Whoever asked may go away; the thread stays busy all the same.
        loop = asyncio.get_running_loop()
        future = asyncio.wrap_future(job, loop=loop)
        try:
            return await asyncio.shield(future)
        finally:
            if future.done():
                self._leave()
            else:
                future.add_done_callback(lambda _: self._leave())

    def _leave(self) -> None:
        self._busy -= 1


def _yield_to_others() -> None:
    """Linux keeps niceness per thread: answers to students go before hashes."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
