"""Pictures of every page, for people to look at: `python -m tests.web.screenshots FOLDER`.

On a phone and on a desktop, each in light and in dark colours and, where the page has an address, in English as well;
it starts a service of its own, and takes some minutes.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import aiohttp
from playwright.async_api import Page

from tests.api.banks import walk_through
from tests.api.client import Client
from tests.running import Service
from tests.web.browser import Size, chromium
from tests.web.conftest import with_role
from tests.web.tour import tour


async def picture(page: Page, file: Path) -> None:
    """And a second one in dark colours."""
    await page.emulate_media(color_scheme="dark")
    await page.wait_for_load_state("networkidle")  # some pictures have their own for each
    await page.screenshot(path=file.with_stem(f"{file.stem}-dark"), full_page=True)
    await page.emulate_media(color_scheme="light")
    await page.screenshot(path=file, full_page=True)


async def in_english(page: Page, file: Path) -> None:
    """The same address in a tab of its own: what was done on the page stays as it is."""
    tab = await page.context.new_page()
    await tab.goto(page.url)
    await tab.get_by_role("button", name="English").click()
    await tab.get_by_role("button", name="Русский").wait_for()
    await tab.wait_for_load_state("networkidle")
    await tab.screenshot(path=file, full_page=True)
    await tab.get_by_role("button", name="Русский").click()
    await tab.get_by_role("button", name="English").wait_for()
    await tab.close()


async def take(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="apo-pictures-") as data:
        service = Service(Path(data))
        await service.start()
        try:
            async with aiohttp.ClientSession() as session, chromium() as browser:
                guest = Client(session, service)
                admin, bank = await with_role(guest, "admin"), await walk_through(await with_role(guest, "editor"))
                sizes: tuple[Size, ...] = ("phone", "desktop")
                for size in sizes:
                    number = 0
                    async for path, name, person in tour(browser, service, admin, bank, size):
                        number += 1
                        file = folder / f"{size}-{number:02}-{name}.png"
                        await picture(person.page, file)
                        if path:
                            await in_english(person.page, file.with_stem(f"{file.stem}-english"))
                        sys.stdout.write(f"\r{file.name:60}")
                        sys.stdout.flush()
                sys.stdout.write("\n")
        finally:
            await service.stop()


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tests.web.screenshots FOLDER\n")
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(take(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
