"""Templates into answers."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from protocols.catalogue import Texts, mark
from protocols.messages import KINDS, Refusal
from protocols.telegram.screens.refusals import sorry
from protocols.telegram.screens.words import KIND_NAMES, in_words, key_in_words, plain
from protocols.web.fault_words import in_language, place_in_language
from protocols.web.markup import html_of, inline_html
from protocols.web.visit import Visit

FILTERS: Final = {
    "topics": mark("the chosen topics"),
    "kinds": mark("the chosen kinds"),
    "difficulty": mark("the chosen difficulty"),
    "only": mark("unseen, mistakes or favourites"),
}


def when(t: Texts, moment: datetime) -> Markup:
    """A moment that a script can tell by the reader's own clock."""
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(), t.moment(moment))


def timed(t: Texts, message: str, **moments: datetime) -> Markup:
    """`message` with moments in the places that have their names."""
    said = t(message, **{name: f"{{{name}}}" for name in moments})
    return escape(said).format(**{name: when(t, moment) for name, moment in moments.items()})


_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_ENVIRONMENT.filters["markup"] = html_of
_ENVIRONMENT.filters["inline"] = inline_html
_ENVIRONMENT.globals.update(
    FILTERS=FILTERS,
    KINDS=KINDS,
    KIND_NAMES=KIND_NAMES,
    fault=in_language,
    given_in_words=in_words,
    key_in_words=key_in_words,
    mark=mark,
    place=place_in_language,
    request_id=lambda: secrets.token_urlsafe(12),
    sorry=sorry,
    timed=timed,
    when=when,
    words=plain,
)


def render(visit: Visit, template: str, *, status: int = 200, **values: object) -> web.Response:
    """The page that `template` makes of `values` for this visitor."""
    page = _ENVIRONMENT.get_template(template).render(
        visit=visit,
        t=visit.t,
        path=visit.request.path,
        now=datetime.now(UTC),
        problem=values.pop("problem", None),
        **values,
    )
    return web.Response(text=page, content_type="text/html", status=status)


def see(path: str, **query: str) -> web.Response:
    """Lead on to another page, after a form was sent."""
    return web.Response(status=303, headers={"Location": f"{path}?{urlencode(query)}" if query else path})


def faults(refusal: Refusal) -> dict[str, str]:
    """What is wrong with which field of a form; what belongs to none of them stands under the empty name."""
    errors = getattr(refusal, "errors", ())
    return {error.path: error.message for error in errors} or {"": refusal.detail}
