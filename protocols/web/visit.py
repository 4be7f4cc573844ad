"""One visit to a page: who comes, in which language, with which form; and what keeps others from speaking for them."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final, TypeVar
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import SecretStr, ValidationError

from protocols.catalogue import LANGUAGES, Texts, texts
from protocols.messages import (
    Authenticate,
    Caller,
    FieldError,
    Forbidden,
    Invalid,
    Language,
    Message,
    TooLarge,
    Unauthenticated,
)
from protocols.web import uploads
from protocols.web.uploads import FORM_FIELDS, FORM_LIMIT, Uploaded

SESSION: Final = "session"
LANGUAGE: Final = "language"
COOKIE_SECONDS: Final = 30 * 24 * 3600
LANGUAGE_SECONDS: Final = 365 * 24 * 3600

Given = TypeVar("Given", bound=Message)
Ask = Callable[[Message], Awaitable[Message]]


class SignInFirst(Exception):
    """The page is for somebody who is signed in."""


@dataclass(frozen=True, slots=True)
class Visit:
    """`form` holds the fields of a POST, each with all its values; `files` what was chosen to be uploaded."""

    request: web.Request
    ask: Ask
    address: str
    t: Texts
    caller: Caller | None
    token: str
    form: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, Uploaded] = field(default_factory=dict)

    @property
    def language(self) -> Language:
        return self.t.language

    @property
    def user(self) -> int:
        """Raises SignInFirst."""
        if self.caller is None:
            raise SignInFirst
        return self.caller.user

    @property
    def csrf(self) -> str:
        """What only a page that was made for this session can send back; empty for a stranger."""
        if not self.token:
            return ""
        return hmac.new(self.token.encode(), b"apo form", sha256).hexdigest()

    def part(self, name: str) -> str:
        """A part of the path."""
        return self.request.match_info[name]

    def one(self, name: str, default: str = "") -> str:
        """The first value of a field of the form."""
        return self.form.get(name, [default])[0]

    def filled(self, name: str) -> str | None:
        """The same, None where nothing was filled in."""
        return self.one(name).strip() or None

    def moment(self, name: str, kept: datetime | None = None) -> str | datetime | None:
        """A script gives the moment itself; without one the time is of the zone that the page names.

        Forms tell whole minutes: one that still tells the minute of what is `kept` means that, to the second.
        """
        told = self.filled(f"{name}_moment") or self.filled(name)
        if told is None:
            return None
        try:
            moment = datetime.fromisoformat(told)
        except ValueError:
            return told  # which does not validate
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.t.zone)
        return kept if kept is not None and moment == kept.replace(second=0, microsecond=0) else moment

    def local(self, moment: datetime | None) -> str:
        """As a form tells a moment where there are no scripts; empty for None."""
        return "" if moment is None else f"{moment.astimezone(self.t.zone):%Y-%m-%dT%H:%M}"

    def all(self, name: str) -> list[str]:
        return [value for value in self.form.get(name, []) if value]

    async def expect(self, kind: type[Given], message: Message) -> Given:
        """The reply to `message`, which is a `kind`. Raises a Refusal."""
        reply = await self.ask(message)
        assert isinstance(reply, kind), f"{type(message).__name__} was answered with {type(reply).__name__}"
        return reply


def inside(path: str) -> str:
    """The path, if it is one of this site; else the start."""
    elsewhere = not path.startswith("/") or path.startswith(("//", "/\\"))
    return "/" if elsewhere or not path.isprintable() else path


def came_from(request: web.Request) -> str | None:
    """The page of this site with the form that is sent, where the browser says it."""
    parts = urlsplit(request.headers.get("Referer", ""))
    if request.method != "POST" or parts.netloc != request.host:
        return None
    return inside(f"{parts.path}?{parts.query}" if parts.query else parts.path)


def said(kind: type[Given], /, **fields: object) -> Given:
    """A message made of what a person has filled in. Raises Invalid with the fields that are wrong."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        errors = tuple(
            FieldError(path=".".join(map(str, item["loc"])), message=item["msg"])
            for item in error.errors(include_url=False, include_context=False, include_input=False)
        )
        raise Invalid("; ".join(f"{e.path}: {e.message}" for e in errors), errors) from None


async def welcome(
    request: web.Request, ask: Ask, known: Callable[[str], Caller | None], address: str, zone: ZoneInfo
) -> Visit:
    """The visit that a request makes, its form not read yet. Times are told in `zone`."""
    token = request.cookies.get(SESSION, "")
    caller: Caller | None = None
    if token:
        caller = known(token)
        if caller is None:
            try:
                reply = await ask(Authenticate(token=SecretStr(token)))
            except Unauthenticated:
                token = ""
            else:
                assert isinstance(reply, Caller)
                caller = reply
    return Visit(request, ask, address, texts(_language(request, caller), zone), caller, token)


async def take_form(visit: Visit, file_limit: int) -> None:
    """Read the form that a visitor sends, with files of at most `file_limit` bytes; 0: without files.

    Raises Forbidden for a form that another site sends or that is out of date, TooLarge, TooSlow, Unreadable.
    """
    _refuse_other_sites(visit.request)

    def check() -> None:
        if visit.caller is not None and not hmac.compare_digest(visit.one("csrf").encode(), visit.csrf.encode()):
            raise Forbidden("The form is out of date: open the page again and repeat.", form="out of date")

    if file_limit and visit.request.content_type == "multipart/form-data":
        await uploads.read(visit.request, visit.form, visit.files, file_limit, check)
    else:
        visit.form.update(await _form(visit.request))
    check()


def _language(request: web.Request, caller: Caller | None) -> Language:
    """What the account says, as in all that is made for it; a stranger's own choice, then what the browser asks for."""
    if caller is not None:
        return caller.language
    chosen = request.cookies.get(LANGUAGE)
    for language in LANGUAGES:
        if language == chosen:
            return language
    for accepted in request.headers.get("Accept-Language", "").split(","):
        for language in LANGUAGES:
            if accepted.strip().lower().startswith(language):
                return language
    return "ru"


def _refuse_other_sites(request: web.Request) -> None:
    """A browser says where a form comes from; what is sent without a browser says nothing, and has no cookie."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site not in (None, "same-origin", "none") or (
        site is None and origin is not None and urlsplit(origin).netloc != request.host
    ):
        raise Forbidden("The form was sent by another site.")


async def _form(request: web.Request) -> dict[str, list[str]]:
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > FORM_LIMIT:
            raise TooLarge(f"A form has at most {FORM_LIMIT} bytes.")
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS, errors="replace")
    except ValueError:
        raise TooLarge(f"A form has at most {FORM_FIELDS} fields.") from None
