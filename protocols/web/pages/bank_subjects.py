"""Subjects, declared in a form: title, topics, own fields of questions, kinds."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from aiohttp import web

from protocols import messages as m
from protocols.catalogue import mark
from protocols.web.application import Page
from protocols.web.question_forms import rows
from protocols.web.rendering import render, see
from protocols.web.visit import Visit, said

Declaration: TypeAlias = dict[str, Any]  # Any: JSON, and not validated yet
BLANK_ROWS: Final = 3
TYPES: Final = {
    "string": mark("text"),
    "integer": mark("whole number"),
    "number": mark("number"),
    "boolean": mark("yes or no"),
}
EMPTY: Final[Declaration] = {"slug": "", "title": {}, "topics": [], "kinds": list(m.KINDS), "extra": {}}


async def new(visit: Visit) -> web.Response:
    return _form(visit, EMPTY, new=True)


async def create(visit: Visit) -> web.Response:
    draft = _declaration(visit) | {"slug": visit.one("slug").strip()}
    try:
        made = await visit.expect(m.DeclaredSubject, said(m.CreateSubject, user=visit.user, **draft))
    except m.Conflict:
        problem = visit.t("There is a subject with this short name already.")
        return _form(visit, draft, new=True, problem=problem, status=409)
    except m.Invalid as refusal:
        return _form(visit, draft, new=True, refusal=refusal, status=422)
    return see(f"/bank/subjects/{made.slug}")


async def edit(visit: Visit) -> web.Response:
    slug = visit.part("subject")
    declared = await visit.expect(m.DeclaredSubject, said(m.ShowSubject, user=visit.user, subject=slug))
    return _form(visit, declared.model_dump(mode="json"), new=False)


async def change(visit: Visit) -> web.Response:
    slug = visit.part("subject")
    draft = _declaration(visit)
    try:
        await visit.ask(said(m.ChangeSubject, user=visit.user, subject=slug, **draft))
    except m.Conflict as refusal:
        kept = ", ".join(str(one) for name in ("topics", "kinds") for one in _listed(refusal.details.get(name)))
        problem = visit.t("Questions have what would go: {kept}. Change or archive them first.", kept=kept)
        return _form(visit, draft | {"slug": slug}, new=False, problem=problem, status=409)
    except m.Invalid as refusal:
        return _form(visit, draft | {"slug": slug}, new=False, refusal=refusal, status=422)
    return see(f"/bank/subjects/{slug}")


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _declaration(visit: Visit) -> Declaration:
    topics = [
        {"slug": row["slug"], "title": _title(row["ru"], row["en"])}
        for _, row in rows(visit, "topic", ("slug", "ru", "en"))
    ]
    return {
        "title": _title(visit.one("title-ru").strip(), visit.one("title-en").strip()),
        "topics": topics,
        "kinds": [kind for kind in m.KINDS if kind in visit.all("kinds")],
        "extra": None if visit.one("any-fields") else _fields(visit),
    }


def _fields(visit: Visit) -> Declaration:
    parts = ("name", "type", "ru", "en", "required", "values", "min", "max")
    fields: Declaration = {}
    for _, row in rows(visit, "field", parts):
        if not any(value for part, value in row.items() if part != "type"):
            continue
        one: Declaration = {
            "type": row["type"],
            "title": _title(row["ru"] or row["name"], row["en"]),
            "required": row["required"] == "yes",
        }
        if row["values"]:
            one["enum"] = [_value(part.strip(), row["type"]) for part in row["values"].split(",") if part.strip()]
        if row["type"] in ("integer", "number"):
            one |= {
                name: _value(row[part], "number")
                for name, part in (("minimum", "min"), ("maximum", "max"))
                if row[part]
            }
        fields[row["name"]] = one
    return fields


def _title(ru: str, en: str) -> dict[str, str]:
    return {language: text for language, text in (("ru", ru), ("en", en)) if text}


def _value(text: str, type: str) -> str | int | float:
    """As it was typed, where it is no number."""
    try:
        if type == "integer":
            return int(text)
        if type == "number":
            return float(text.replace(",", "."))
    except ValueError:
        pass
    return text


def _form(
    visit: Visit,
    draft: Declaration,
    *,
    new: bool,
    refusal: m.Invalid | None = None,
    problem: str | None = None,
    status: int = 200,
) -> web.Response:
    return render(
        visit,
        "subject_form.html",
        status=status,
        problem=problem,
        draft=draft,
        new=new,
        errors=() if refusal is None else refusal.errors,
        wrong=set() if refusal is None else {error.path.split(".")[0] for error in refusal.errors},
        blank_rows=BLANK_ROWS,
        TYPES=TYPES,
    )


PAGES: Final = (
    Page("GET", "/bank/new-subject", new, "editor"),
    Page("POST", "/bank/new-subject", create, "editor"),
    Page("GET", "/bank/subjects/{subject}/declaration", edit, "editor"),
    Page("POST", "/bank/subjects/{subject}/declaration", change, "editor"),
)
