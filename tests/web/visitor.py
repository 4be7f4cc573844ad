"""A browser without scripts, as simple as can be: it follows links, fills in forms and sends them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape

import aiohttp

from tests.api.client import PASSWORD, Client


@dataclass(frozen=True)
class Visitor:
    """Somebody who follows links and sends forms, in English."""

    session: aiohttp.ClientSession

    async def see(self, path: str, status: int = 200) -> str:
        async with self.session.get(path) as response:
            assert response.status == status, path
            return unescape(await response.text())

    async def sees(self, text: str, path: str) -> str:
        """The page once it has this text, which figures may bring a little later."""
        async with asyncio.timeout(30.0):
            while text not in (page := await self.see(path)):
                await asyncio.sleep(0.05)
        return page

    async def send(
        self, path: str, form: Mapping[str, str | list[str]] | None = None, status: int = 200
    ) -> tuple[str, str]:
        """The path and the text of the page that follows a form."""
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', await self.see("/profile"))
        assert found is not None
        filled = {**(form or {}), "csrf": found[1]}
        sent = [(name, one) for name, value in filled.items() for one in ([value] if isinstance(value, str) else value)]
        async with self.session.post(path, data=sent) as response:
            text = unescape(await response.text())
            assert response.status == status, (path, text)
            return response.url.path, text


def filled_in(page: str) -> dict[str, list[str]]:
    """What a browser would send of the form in the middle of a page."""
    form: dict[str, list[str]] = {}
    main = page[page.index("<main") :]
    for tag in re.findall(r"<input[^>]*>", main):
        told = dict(re.findall(r'(name|type|value)="([^"]*)"', tag))
        kind = told.get("type", "text")
        if told["name"] != "csrf" and kind != "file" and (kind not in ("checkbox", "radio") or " checked" in tag):
            form.setdefault(told["name"], []).append(told["value"])
    for name, text in re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>([^<]*)</textarea>', main):
        form[name] = [text]
    for name, options in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', main, re.DOTALL):
        chosen = re.search(r'<option(?: value="([^"]*)")? selected>(\w*)', options)
        form[name] = [chosen[1] or chosen[2]] if chosen else [""]
    return form


async def browsing(client: Client) -> Visitor:
    """Signed in; the session is to be closed."""
    jar = aiohttp.CookieJar(unsafe=True)  # of a host that is an address
    session = aiohttp.ClientSession(client.service.url, cookie_jar=jar)
    async with session.post("/login", data={"login": client.login, "password": PASSWORD}) as response:
        assert response.status == 200
    visitor = Visitor(session)
    await visitor.send("/language", {"language": "en"})
    return visitor
