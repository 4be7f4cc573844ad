"""Pictures of every page, for people to look at: `python -m tests.web.screenshots FOLDER`.

On a phone in light colours and on a desktop in dark ones; it starts a service of its own, and takes a minute.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import aiohttp

from tests.api.banks import walk_through
from tests.api.client import Client
from tests.running import Service
from tests.web.browser import Size, chromium
from tests.web.conftest import with_role
from tests.web.tour import tour


async def take(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="apo-pictures-") as data:
        service = Service(Path(data))
        await service.start()
        try:
            async with aiohttp.ClientSession() as session, chromium() as browser:
                guest = Client(session, service)
                admin, bank = await with_role(guest, "admin"), await walk_through(await with_role(guest, "editor"))
                looks: tuple[tuple[Size, str], ...] = (("phone", "light"), ("desktop", "dark"))
                for size, scheme in looks:
                    number = 0
                    async for _, name, person in tour(browser, service, admin, bank, size):
                        number += 1
                        await person.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                        file = folder / f"{size}-{number:02}-{name}.png"
                        await person.page.screenshot(path=file, full_page=True)
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
