"""The REST API: turns HTTP into messages for the router, and replies and refusals into HTTP."""

from protocols.http.application import Readiness, build
from protocols.http.handling import Router
from protocols.http.serving import serve

__all__ = ["Readiness", "Router", "build", "serve"]
