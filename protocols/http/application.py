"""The REST wire as one aiohttp application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Literal, TypeAlias

import orjson
from aiohttp import HttpVersion11, hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel, ConfigDict

from protocols.http import docs, openapi, problems
from protocols.http.addresses import Network, addresses
from protocols.http.begun import BegunResponse
from protocols.http.dispatching import PATH, Dispatcher
from protocols.http.handling import UPLOADS_AT_ONCE, Handler, Router, guarded, make
from protocols.http.measuring import Requests
from protocols.http.route import BASE
from protocols.http.routes import ROUTES
from protocols.http.streaming import Streams
from protocols.messages import NotFound

DISPATCHER: Final = web.AppKey("dispatcher", Dispatcher)
STREAMS: Final = web.AppKey("streams", Streams)
PLAIN: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache", "Server": problems.SERVER}

# Given how the address of a request is told and how its status and time are noted: method, path, handler.
Pages: TypeAlias = Callable[
    [Callable[[web.Request], str], Callable[[str, str], Callable[[int, float], None]]],
    Iterable[tuple[str, str, Handler]],
]


class Readiness(BaseModel):
    """`down`: nothing can be accepted; `degraded`: trainings go on while some figures wait.

    `parts` names each engine with `ok`, or with what is wrong and what goes on all the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Literal["ok", "degraded", "down"]
    parts: dict[str, str]


def build(
    router: Router,
    *,
    ready: Callable[[], Awaitable[Readiness]],
    registry: CollectorRegistry,
    trusted_proxies: Sequence[Network] = (),
    pages: Pages | None = None,
) -> web.Application:
    """All calls of the contract over `router`. `registry` gets the requests' figures; `/metrics` shows it.

    `trusted_proxies` are believed when they say whom they speak for. `pages` are served beside the calls.
    """
    app = web.Application()
    requests = Requests(registry)
    uploads = asyncio.Semaphore(UPLOADS_AT_ONCE)
    streams = app[STREAMS] = Streams()
    app.on_shutdown.append(streams.close)
    address_of = addresses(trusted_proxies)

    def add(method: str, path: str, handler: Handler) -> None:
        app.router.add_route(method, path, handler, expect_handler=_expectation)

    unknown = guarded(_unknown, requests.of("*", "unknown"))

    async def otherwise(request: web.Request) -> web.StreamResponse:
        # `OPTIONS *` and CONNECT name no path, for which aiohttp would have words of its own.
        return await (app._handle if request.path.startswith("/") else unknown)(request)

    dispatcher = Dispatcher(otherwise)
    app[DISPATCHER] = dispatcher
    for route in ROUTES:
        handler = make(route, router, requests, uploads, streams, address_of)
        dispatcher.add(route.method, BASE + route.path, handler)
        add(route.method, BASE + route.path, _with_path(handler))
        if route.method == "GET" and route.stream_until is None:
            add("HEAD", BASE + route.path, _with_path(_without_body(handler)))

    def add_page(path: str, answer: Callable[[web.Request], Awaitable[web.Response]]) -> None:
        for method in ("GET", "HEAD"):
            add(method, path, guarded(answer, requests.of(method, path)))

    def add_constant(path: str, body: bytes, media_type: str, headers: dict[str, str]) -> None:
        async def constant(request: web.Request) -> web.Response:
            return web.Response(body=body, content_type=media_type, charset="utf-8", headers=PLAIN | headers)

        add_page(path, constant)

    async def readyz(request: web.Request) -> web.Response:
        readiness = await ready()
        headers = PLAIN | ({"Retry-After": "5"} if readiness.status == "down" else {})
        return web.Response(
            body=orjson.dumps(readiness.model_dump()),
            status=503 if readiness.status == "down" else 200,
            content_type="application/json",
            headers=headers,
        )

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers=PLAIN | {"Content-Type": CONTENT_TYPE_LATEST})

    async def home(request: web.Request) -> web.Response:
        return web.Response(status=302, headers=PLAIN | {"Location": "/api/docs"})

    document = openapi.document()
    page = {"Content-Security-Policy": docs.POLICY, "Referrer-Policy": "no-referrer"}
    add_constant(f"{BASE}/openapi.json", orjson.dumps(document), "application/json", {})
    add_constant("/api/docs", docs.page(document).encode(), "text/html", page)
    add_constant("/api/docs/style.css", docs.STYLE, "text/css", {})
    add_constant("/healthz", b'{"status":"ok"}', "application/json", {})
    add_page("/readyz", readyz)
    add_page("/metrics", metrics)
    if pages is None:
        add_page("/", home)
    else:
        for method, path, handler in pages(address_of, requests.of):
            add(method, path, handler)
    # Last, and on every path: what no other route takes is refused in the same form, without a middleware
    # that all others would pay for.
    add("*", "/{tail:.*}", unknown)
    return app


def _with_path(handler: Handler) -> Handler:
    """For what comes by aiohttp's own router, because its path has to be decoded."""

    async def handle(request: web.Request) -> web.StreamResponse:
        request[PATH] = request.match_info
        return await handler(request)

    return handle


def _without_body(handler: Handler) -> Handler:
    """For HEAD: aiohttp leaves the body out of what it writes itself."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = await handler(request)
        return response.ordinary() if isinstance(response, BegunResponse) else response

    return handle


async def _unknown(request: web.Request) -> web.Response:
    allowed: set[str] = set()
    resources = request.app.router.resources() if request.path.startswith("/") else ()
    for resource in resources:
        if resource.canonical != "/{tail}":
            allowed |= (await resource.resolve(request))[1]
    if not allowed:
        raise NotFound("there is nothing here; the calls are listed at /api/docs")
    methods = ", ".join(sorted(allowed | {hdrs.METH_OPTIONS}))
    if request.method == hdrs.METH_OPTIONS:
        return web.Response(status=204, headers=PLAIN | {"Allow": methods})
    return problems.problem(405, f"here one may only {methods}", headers={"Allow": methods})


async def _expectation(request: web.Request) -> web.StreamResponse | None:
    if request.version < HttpVersion11:
        return None  # there it means nothing
    if request.headers[hdrs.EXPECT].lower() != "100-continue":
        return problems.problem(417, "the only expectation that can be met is 100-continue")
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # The interim answer does not count as the answer's beginning.
    request.writer.output_size = 0
    return None
