"""What Pyrogram's readers make of vectors that stand at the end of a request."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import Any

from pyrogram.raw.core import TLObject

from tests.telegram.session import RpcRefused


def objects(items: Iterable[object]) -> list[Any]:  # of whatever type the vector is of
    """The items of a vector of objects: the generated readers take objects of 4 or 8 bytes for numbers there.

    Raises:
        RpcRefused: a number is no object.
    """
    return [_object(item) if isinstance(item, int) else item for item in items]


def _object(number: int) -> TLObject:
    size = 4 if -(1 << 31) <= number < 1 << 31 else 8
    try:
        read: TLObject = TLObject.read(BytesIO(number.to_bytes(size, "little", signed=True)))
    except KeyError:
        raise RpcRefused(400, "INPUT_CONSTRUCTOR_INVALID") from None
    return read
