"""A data centre for each test, and Pyrogram signed in at it."""

from __future__ import annotations

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


@pytest.fixture
async def bare(center: DataCenter) -> AsyncIterator[BareClient]:
    """With a key and an opened session."""
    async with BareClient(center, await make_key(center)) as client:
        await client.begin()
        yield client
