"""One small interface to ClickHouse with two backs: a server, and the engine inside this process.

Both run the same SQL. Values are integers, floats and strings; times go in as seconds since 1970.
"""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

import orjson

Value: TypeAlias = int | float | str
T = TypeVar("T")

QUERY_SECONDS = 60.0

# What ClickHouse says when the values themselves are wrong. Whatever else it says (no memory, no space,
# too many parts, shutting down, no such table, …), the same may succeed when somebody has seen to it.
WRONG_VALUES = frozenset({6, 27, 38, 41, 43, 53, 69, 70, 72, 117, 131, 190, 321})
_CODE = re.compile(r"Code: (\d+)")


class ClickHouseError(Exception):
    """ClickHouse refused, or could not be reached (`transient`)."""

    def __init__(self, message: str, *, transient: bool) -> None:
        super().__init__(message)
        self.transient = transient


class ClickHouse(Protocol):
    """What the service needs of ClickHouse."""

    async def execute(self, sql: str) -> None:
        """Run a statement that returns nothing."""

    async def query(self, sql: str) -> list[tuple[Value, ...]]:
        """Run a query; integers, floats and strings come back as such."""

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert rows as one block: all of them or none, as long as they belong to one partition."""

    async def insert_json(self, table: str, columns: Sequence[str], lines: str) -> None:
        """The same of rows that are written already, each a JSON array on a line of its own."""

    async def close(self) -> None: ...


class _OwnThread:
    """Both backs block, and neither runs two queries at once: one thread serves all calls in turn."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, call: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            # Not `wait_for`: that of Python 3.11 swallows a cancellation that comes with the answer, and relays go on.
            async with asyncio.timeout(QUERY_SECONDS):
                return await loop.run_in_executor(self._executor, call)
        except TimeoutError:
            raise ClickHouseError(f"no answer within {QUERY_SECONDS:.0f} seconds", transient=True) from None

    def close(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)


class Server:
    """A ClickHouse server over the native protocol. `url`: clickhouse://user:password@host:port/database."""

    def __init__(self, url: str) -> None:
        # Imported here: it takes a tenth of a second, and a service without a server needs none of it.
        self._driver: Any = importlib.import_module("clickhouse_driver")  # it is not typed
        separator = "&" if "?" in url else "?"
        # One connection, made again when it was lost; the timeouts are in seconds.
        self._client = self._driver.Client.from_url(
            f"{url}{separator}connect_timeout=3&send_receive_timeout=30&client_name=apo"
        )
        self._thread = _OwnThread("clickhouse")

    async def execute(self, sql: str) -> None:
        await self._thread.run(lambda: self._call(sql))

    async def query(self, sql: str) -> list[tuple[Value, ...]]:
        return await self._thread.run(lambda: list(self._call(sql)))

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES"
        await self._thread.run(lambda: self._call(sql, list(zip(*rows, strict=True)), columnar=True))

    async def insert_json(self, table: str, columns: Sequence[str], lines: str) -> None:
        rows = await self._thread.run(lambda: [orjson.loads(line) for line in lines.split("\n")])
        await self.insert(table, columns, rows)

    async def close(self) -> None:
        await self._thread.run(self._client.disconnect)
        self._thread.close()

    def _call(self, sql: str, data: list[tuple[object, ...]] | None = None, *, columnar: bool = False) -> Any:
        # What the driver returns for a query is a list of tuples.
        try:
            return self._client.execute(sql, data, columnar=columnar)
        except self._driver.errors.ServerException as error:
            transient = error.code not in WRONG_VALUES
            raise ClickHouseError(f"code {error.code}: {error.message}", transient=transient) from error
        except (self._driver.errors.Error, OSError, EOFError) as error:
            raise ClickHouseError(str(error) or type(error).__name__, transient=True) from error


class InProcess:
    """ClickHouse inside this process, its data in a folder that no other process may use at the same time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = _OwnThread("chdb")
        self._session: Any = None  # chdb is not typed

    async def execute(self, sql: str) -> None:
        await self._thread.run(lambda: self._call(sql))

    async def query(self, sql: str) -> list[tuple[Value, ...]]:
        result = await self._thread.run(lambda: self._call(sql, "JSONCompactEachRow"))
        return [tuple(orjson.loads(line)) for line in result.splitlines()]

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        written = await self._thread.run(lambda: b"\n".join(map(orjson.dumps, rows)))
        await self.insert_json(table, columns, written.decode())

    async def insert_json(self, table: str, columns: Sequence[str], lines: str) -> None:
        sql = f"INSERT INTO {table} ({', '.join(columns)}) FORMAT JSONCompactEachRow\n{lines}"
        await self._thread.run(lambda: self._call(sql))

    async def close(self) -> None:
        def call() -> None:
            if self._session is not None:
                self._session.close()

        await self._thread.run(call)
        self._thread.close()

    def _call(self, sql: str, output: str = "Null") -> bytes:
        if self._session is None:
            # Imported here, on this thread: it takes seconds and hundreds of megabytes, and a service
            # with a ClickHouse server needs neither.
            session: Any = importlib.import_module("chdb.session")
            self._folder.mkdir(parents=True, exist_ok=True)
            self._session = session.Session(str(self._folder))
            self._session.query("SET output_format_json_quote_64bit_integers = 0")
        try:
            result = self._session.query(sql, output)
        except RuntimeError as error:
            code = _CODE.search(str(error))
            transient = code is None or int(code[1]) not in WRONG_VALUES
            raise ClickHouseError(str(error), transient=transient) from error
        data: bytes = result.bytes() if result is not None and result.size() else b""
        return data


def connect(url: str, folder: Path) -> ClickHouse:
    """The server at `url`, or, if that is empty, the engine in this process with its data in `folder`."""
    return Server(url) if url else InProcess(folder)
