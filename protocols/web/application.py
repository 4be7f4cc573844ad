"""The pages: which there are, whom they are for, and how whatever goes wrong on one is told to a person."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web

from protocols.catalogue import texts
from protocols.http.handling import UPLOADS_AT_ONCE, admitted
from protocols.messages import ROLES, Caller, Message, Refusal, Role, TooMany, Unauthenticated, Unavailable
from protocols.web.rendering import render, see
from protocols.web.visit import SESSION, SignInFirst, Visit, came_from, take_form, welcome

STATIC: Final = Path(__file__).with_name("static")
TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

log = structlog.get_logger("apo.web")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Router(Protocol):
    """All that this wire knows of the service."""

    async def ask(self, message: Message, /) -> Message: ...

    def caller(self, token: str, /) -> Caller | None: ...


@dataclass(frozen=True, slots=True)
class Page:
    """`role` is what a visitor must at least be; None: anybody. `upload` is the most bytes of a file that its form
    takes.
    """

    method: str
    path: str
    answer: Callable[[Visit], Awaitable[web.StreamResponse]]
    role: Role | None = "student"
    upload: int = 0


def handlers(
    pages: Iterable[Page],
    router: Router,
    zone: ZoneInfo,
    address_of: Callable[[web.Request], str],
    observer: Callable[[str, str], Callable[[int, float], None]],
) -> Iterable[tuple[str, str, Handler]]:
    """Method, path and handler of each page and of each file that pages use. `observer` notes status and seconds.

    Times are told in `zone`, until a script tells them by the reader's own clock.
    """
    uploads = asyncio.Semaphore(UPLOADS_AT_ONCE)
    for page in pages:
        yield (
            page.method,
            page.path,
            _handler(page, router, zone, address_of, observer(page.method, page.path), uploads),
        )
    for file in sorted(STATIC.iterdir()):
        yield "GET", f"/static/{file.name}", _static(file)


def _handler(
    page: Page,
    router: Router,
    zone: ZoneInfo,
    address_of: Callable[[web.Request], str],
    observe: Callable[[int, float], None],
    uploads: asyncio.Semaphore,
) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        started = perf_counter()
        visit = Visit(request, router.ask, "", texts("ru", zone), None, "")
        try:
            visit = await welcome(request, router.ask, router.caller, address_of(request), zone)
            response: web.StreamResponse
            if page.role is not None and visit.caller is None:
                raise SignInFirst
            if not _may(page, visit):  # before a form is read: who may not upload shall not fill the memory
                response = render(visit, "forbidden.html", status=403)
            elif page.upload:
                async with admitted(uploads):
                    await take_form(visit, page.upload)
                    response = await page.answer(visit)
            else:
                if request.method == "POST":
                    await take_form(visit, 0)
                response = await page.answer(visit)
        except (SignInFirst, Unauthenticated):
            back = request.rel_url.path_qs if request.method == "GET" else "/"
            response = see("/login", to=back)
            response.del_cookie(SESSION, path="/")
        except Refusal as refusal:
            response = render(visit, "refused.html", status=refusal.status, refusal=refusal, back=came_from(request))
            if isinstance(refusal, TooMany | Unavailable):
                response.headers["Retry-After"] = str(refusal.retry_after)
        except ConnectionError:
            raise  # the visitor has left
        except Exception:
            incident = secrets.token_hex(8)
            log.exception("a page failed", incident=incident, method=request.method, path=page.path)
            response = render(visit, "failed.html", status=500, incident=incident)
        if not response.prepared:  # a stream has been
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        observe(response.status, perf_counter() - started)
        return response

    return handle


def _may(page: Page, visit: Visit) -> bool:
    if page.role is None:
        return True
    return visit.caller is not None and ROLES.index(visit.caller.role) >= ROLES.index(page.role)


def _static(file: Path) -> Handler:
    content = file.read_bytes()
    headers = HEADERS | {"Cache-Control": "public, max-age=3600"}

    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(body=content, content_type=TYPES[file.suffix], charset="utf-8", headers=headers)

    return handle
