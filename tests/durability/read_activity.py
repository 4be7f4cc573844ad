"""Prints the activity rows of the engine inside a service that is stopped, one JSON array a line.

Run as a process of its own: `python -m tests.durability.read_activity FOLDER`.
"""

from __future__ import annotations

import sys
from typing import Any

import chdb.session

from storage.clickhouse.activity import COLUMNS


def main(folder: str) -> None:
    opened: Any = chdb.session.Session(folder)  # type: ignore[no-untyped-call]  # chdb is not typed
    opened.query("SET output_format_json_quote_64bit_integers = 0")
    result = opened.query(f"SELECT {ACTIVITY} FROM activity ORDER BY position", "JSONCompactEachRow")
    sys.stdout.buffer.write(result.bytes() if result.size() else b"")
    sys.stdout.flush()
    opened.close()


ACTIVITY = ", ".join("toUInt32(at)" if column == "at" else column for column in COLUMNS)

if __name__ == "__main__":
    main(sys.argv[1])
