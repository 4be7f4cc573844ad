"""What one call is: where it stands, which message it makes, what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from pydantic import BaseModel, JsonValue

from protocols import messages as m
from protocols.http.inputs import derive
from protocols.http.reading import JSON_LIMIT

BASE: Final = "/api/v1"
# Filled by the wire itself, never by a client.
OWN_FIELDS: Final = frozenset({"user", "platform", "address", "request"})


@dataclass(frozen=True)
class Route:
    """One call. The parts of `path` in braces are fields of `message`; its other fields are the body,
    except those in `query` (all of them, where the method is GET) and those that `fixed` gives."""

    method: str
    path: str
    message: type[m.Message]
    reply: type[m.Message] | None
    tag: str
    summary: str
    status: int = 200
    query: tuple[str, ...] = ()
    fixed: Mapping[str, JsonValue] = field(default_factory=dict)
    # `Any`: annotations for pydantic, of what the message leaves wider than a URL should, or JSON writes otherwise.
    narrow: Mapping[str, Any] = field(default_factory=dict)
    whole_body: str | None = None
    # What JSON Schema must say of the body beside its fields, where the message checks them together.
    body_rule: Mapping[str, JsonValue] = field(default_factory=dict)
    body_limit: int = JSON_LIMIT
    upload: bool = False
    # The reply is told again at every change, as server-sent events, up to the one of which this is true.
    stream_until: Callable[[Any], bool] | None = None
    media: tuple[str, ...] = ("application/json",)
    location: str | None = None
    cache: str = "no-store"
    missing: str | None = None
    conflict: str | None = None
    note: str = ""
    example: JsonValue = None

    @property
    def needs_token(self) -> bool:
        return issubclass(self.message, m.Command)

    @property
    def path_fields(self) -> tuple[str, ...]:
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    @property
    def _free(self) -> tuple[str, ...]:
        taken = OWN_FIELDS | set(self.path_fields) | set(self.fixed)
        return tuple(name for name in self.message.model_fields if name not in taken)

    @property
    def query_fields(self) -> tuple[str, ...]:
        return self._free if self.method == "GET" else self.query

    @property
    def body_fields(self) -> tuple[str, ...]:
        if self.upload or self.method == "GET":
            return ()
        return tuple(name for name in self._free if name not in self.query)

    @cached_property
    def query_model(self) -> type[BaseModel] | None:
        return derive(self.message, "Query", self.query_fields, self.narrow) if self.query_fields else None

    @cached_property
    def body_model(self) -> type[BaseModel] | None:
        return derive(self.message, "Body", self.body_fields, self.narrow) if self.body_fields else None
