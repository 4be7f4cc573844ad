"""Finds the handler of a call by the parts of its path: a few look-ups, where a general router tries patterns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PATH: Final = web.RequestKey("path", Mapping[str, str])
"""Under this key a request holds the variable parts of its path."""

_ANY: Final = "/"  # which no part of a path can be


class _Node:
    """A part of paths: what may follow, and who handles the path that ends here, by method."""

    __slots__ = ("following", "handlers")

    def __init__(self) -> None:
        self.following: dict[str, _Node] = {}
        self.handlers: dict[str, tuple[Handler, tuple[str, ...]]] = {}


class Dispatcher:
    """The calls of the contract. Whatever else is asked goes to `otherwise`."""

    def __init__(self, otherwise: Handler) -> None:
        self._otherwise = otherwise
        self._root = _Node()

    def add(self, method: str, path: str, handler: Handler) -> None:
        """`path` has variable parts in braces."""
        node, names = self._root, []
        for part in path.split("/"):
            if part.startswith("{"):
                names.append(part[1:-1])
                part = _ANY
            node = node.following.setdefault(part, _Node())
        node.handlers[method] = handler, tuple(names)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers a request."""
        node: _Node | None = self._root
        values = []
        for part in request.rel_url.raw_path.split("/"):
            assert node is not None
            known = node.following.get(part)
            if known is None:
                known = node.following.get(_ANY)
                if known is None or not part or "%" in part:  # an escaped path is aiohttp's to decode
                    return await self._otherwise(request)
                values.append(part)
            node = known
        assert node is not None
        found = node.handlers.get(request.method)
        if found is None or "Expect" in request.headers:
            return await self._otherwise(request)
        handler, names = found
        request[PATH] = dict(zip(names, values, strict=True))
        return await handler(request)
