"""Every page, in both themes, by the rules of axe; and nothing hangs over the side of a phone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from tests.api.banks import Bank
from tests.api.client import Client
from tests.running import Service
from tests.web.tour import pages_to_see, tour

pytestmark = pytest.mark.asyncio(loop_scope="session")

RULES = {"resultTypes": ["violations"]}
COLOURS = RULES | {"runOnly": ["color-contrast", "link-in-text-block"]}


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "schemes", [("light",), pytest.param(("light", "dark"), marks=pytest.mark.thorough)], ids=" ".join
)
async def test_axe_finds_no_violation_on_any_page(
    browser: Browser, service: Service, admin: Client, bank: Bank, schemes: Sequence[Literal["light", "dark"]]
) -> None:
    axe, found, seen = Axe(), [], set()
    async for path, name, person in tour(browser, service, admin, bank, "phone"):
        seen.add(path)
        page = person.page
        for scheme in schemes:
            await page.emulate_media(color_scheme=scheme)
            violations = (await axe.run(page, options=RULES if scheme == "light" else COLOURS)).response["violations"]
            found += [
                (name, scheme, one["id"], [node["html"][:200] for node in one["nodes"]], one["nodes"][0].get("any"))
                for one in violations
            ]
        await page.emulate_media(color_scheme="light")
        if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append((name, "light", "too wide", [], None))
    assert found == []
    assert pages_to_see() <= seen
