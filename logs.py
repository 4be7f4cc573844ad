"""Logs: readable lines for people, or JSON for machines; no secret in either."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from settings import Log

HIDDEN = "…"
SECRET_NAMES = ("password", "passwd", "token", "api_hash", "authorization", "cookie", "secret")
# user:password@ of a URL, and a bot's token as Telegram gives it, wherever they come from. Both are looked for by the
# colon in them: to try at every sign takes as long as all else that is done for a line.
_IN_TEXT = re.compile(r":(?://([^\s/:@]*):[^\s/]+@|(?<=\d{6}:)[\w-]{30,})")
UNMARKED = structlog.stdlib.ProcessorFormatter.remove_processors_meta
# Libraries that tell at `info` what only their authors want to know.
QUIET = ("pykka", "asyncio", "aiohttp.access", "pymongo", "matplotlib", "pyrogram")


def configure(settings: Log) -> None:
    """Send everything, the standard library's logging and warnings too, to the standard error output."""
    level = getattr(logging, settings.level.upper())
    if settings.format == "json":
        formatter = json_formatter()
    else:
        # Not structlog's own choice of traceback: that shows local variables, and with them passwords.
        plain = structlog.dev.plain_traceback
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
        formatter = _Formatter(foreign_pre_chain=_shared(), processors=[UNMARKED, renderer])
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    # It warns with a traceback of every connection that fails, and raises the same.
    logging.getLogger("clickhouse_driver").setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def json_formatter() -> logging.Formatter:
    """What makes a line of JSON of a record, without secrets."""
    renderers = structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)
    return _JsonFormatter(foreign_pre_chain=_shared(), processors=[UNMARKED, *renderers])


def _shared() -> list[Processor]:
    """What is done to every event, whoever tells it."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _hide_secrets,
    ]


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Hides what is secret by its form in the finished line, tracebacks and foreign messages included."""

    def format(self, record: logging.LogRecord) -> str:
        return _IN_TEXT.sub(_without_secret, super().format(record))


class _JsonFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        if hasattr(record, "_logger") and "exc_info" not in record.msg:
            # From structlog, and finished. The same without a copy of the record, which takes as long as all else.
            return _IN_TEXT.sub(_without_secret, _ENCODER.encode(record.msg))
        return super().format(record)


def _without_secret(found: re.Match[str]) -> str:
    user = found[1]
    return f":{HIDDEN}" if user is None else f"://{user}:{HIDDEN}@"


def _hide_secrets(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    for name, value in event.items():
        event[name] = _hidden(name, value)
    return event


def _hidden(name: str, value: object) -> object:
    if any(secret in name.lower() for secret in SECRET_NAMES):
        return HIDDEN
    if isinstance(value, Mapping):
        return {inner: _hidden(str(inner), content) for inner, content in value.items()}
    return value


# What JSON does not know becomes what it says of itself: a SecretStr says stars.
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=repr)


def _json(event: EventDict, **options: object) -> str:
    return _ENCODER.encode(event)
