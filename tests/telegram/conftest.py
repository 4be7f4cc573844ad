"""A data centre for each test, and Pyrogram signed in at it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.telegram.bare import BareClient, make_key
from tests.telegram.center import DataCenter
from tests.telegram.client import Pyrogram, client_of


@pytest.fixture
async def center(tmp_path: Path) -> AsyncIterator[DataCenter]:
    async with DataCenter(tmp_path) as center:
        yield center


@pytest.fixture
async def bot(center: DataCenter) -> AsyncIterator[Pyrogram]:
    async with client_of(center) as client:
        yield client
    # Pyrogram may still be connecting anew, and swallow that it is told to end (`wait_for` of Python 3.11).
    left = {task for task in asyncio.all_tasks() if "/pyrogram/" in repr(task)}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=0.1)


@pytest.fixture
async def bare(center: DataCenter) -> AsyncIterator[BareClient]:
    """With a key and an opened session."""
    async with BareClient(center, await make_key(center)) as client:
        await client.begin()
        yield client
