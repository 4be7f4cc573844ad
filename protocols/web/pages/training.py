"""A training: what to train, one question after the other, and how it went."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web
from pydantic import JsonValue

from protocols import messages as m
from protocols.catalogue import mark
from protocols.web.application import Page
from protocols.web.rendering import faults, render, see
from protocols.web.visit import Visit, inside, said


async def setup(visit: Visit) -> web.Response:
    return await _setup(visit, visit.part("subject"))


async def _setup(visit: Visit, slug: str, refusal: m.Refusal | None = None) -> web.Response:
    subjects = await visit.expect(m.Subjects, m.ListSubjects(language=visit.language))
    subject = next((one for one in subjects.items if one.slug == slug), None)
    if subject is None:
        raise m.NotFound(f"There is no subject {slug!r}.")
    return render(
        visit,
        "setup.html",
        status=200 if refusal is None else refusal.status,
        subject=subject,
        refusal=refusal,
        faults={} if refusal is None else faults(refusal),
    )


async def start(visit: Visit) -> web.Response:
    mode = visit.one("mode", "practice")
    low, high = visit.filled("min"), visit.filled("max")
    filters: dict[str, object] = {}
    if topics := visit.all("topics"):
        filters["topics"] = topics
    if kinds := visit.all("kinds"):
        filters["kinds"] = kinds
    if low or high:
        filters["difficulty"] = {"min": low, "max": high}
    if only := visit.filled("only"):
        filters["only"] = only
    try:
        await visit.ask(
            said(
                m.StartTraining,
                user=visit.user,
                platform="web",
                request=visit.filled("request"),
                subject=visit.one("subject"),
                size=visit.one("size", "10"),
                mode=mode,
                minutes=visit.filled("minutes") if mode == "exam" else None,
                filters=filters,
            )
        )
    except (m.Invalid, m.Conflict) as refusal:
        return await _setup(visit, visit.one("subject"), refusal)
    return see("/training")


# What is said to an answer that is none.
WANTED: Final = {
    "": mark("Choose or write an answer first."),
    "number": mark("Write a number, as 0.5."),
    "order": mark("Give each a place of its own."),
}


async def current(visit: Visit) -> web.Response:
    try:
        training = await visit.expect(m.Training, m.ShowTraining(user=visit.user, platform="web"))
    except m.NotFound:
        return see("/trainings")
    return _question(visit, training)


def _question(visit: Visit, training: m.Training, problem: str | None = None, status: int = 200) -> web.Response:
    if training.question is None:
        return see(f"/trainings/{training.id}")
    return render(visit, "question.html", status=status, training=training, question=training.question, problem=problem)


async def answer(visit: Visit) -> web.Response:
    """The verdict is the answer itself: to send the same again, by reloading, tells the same verdict."""
    training, question = visit.one("training"), visit.one("question")
    before = await visit.expect(m.Training, m.ShowTraining(user=visit.user, training=training, platform="web"))
    shown = before.question
    response = _response(visit, visit.one("kind"))
    given = {"user": visit.user, "platform": "web", "training": training, "question": question, "response": response}
    try:
        if response is None:
            raise m.Invalid("There is no answer.")
        verdict = await visit.expect(m.Verdict, said(m.GiveAnswer, **given))
    except m.Invalid:
        return _question(visit, before, visit.t(WANTED.get(visit.one("kind"), WANTED[""])), status=422)
    if verdict.verdict is None:
        return _onward(training, verdict.next)  # an exam tells it at the end
    return render(
        visit,
        "verdict.html",
        training=training,
        subject=before.subject,
        question=shown if shown is not None and shown.id == question else None,
        given=response,
        verdict=verdict,
        favorite=question in await _favorites(visit, before.subject, question),
    )


async def again(visit: Visit) -> web.Response:
    """The last verdict: its address typed, loaded without its form, or come back to."""
    try:
        last = await visit.expect(m.LastAnswer, m.ShowLastAnswer(user=visit.user, platform="web"))
    except m.NotFound:
        return see("/training")
    if last.verdict.verdict is None:
        return see("/training")  # an exam tells it at the end
    return render(
        visit,
        "verdict.html",
        training=last.training,
        subject=last.subject,
        question=last.question,
        given=last.response,
        verdict=last.verdict,
        favorite=last.favorite,
    )


def _response(visit: Visit, kind: str) -> Any:
    """What the form says, as the contract has it; None: nothing. (Any: JSON.)"""
    match kind:
        case "multiple":
            return visit.all("option") or None
        case "order":
            places = {
                name.removeprefix("place-"): values[0]
                for name, values in visit.form.items()
                if name.startswith("place-")
            }
            if len(set(places.values())) != len(places) or not all(map(str.isdecimal, places.values())):
                return None
            return sorted(places, key=lambda option: int(places[option])) or None
        case "match":
            pairs: dict[str, JsonValue] = {
                name.removeprefix("pair-"): values[0]
                for name, values in visit.form.items()
                if name.startswith("pair-") and values[0]
            }
            return pairs or None
    return visit.filled("answer")


async def skip(visit: Visit) -> web.Response:
    training, question = visit.one("training"), visit.one("question")
    skipped = await visit.expect(
        m.Skipped, said(m.SkipQuestion, user=visit.user, platform="web", training=training, question=question)
    )
    return _onward(training, skipped.next)


def _onward(training: str, following: m.ShownQuestion | None) -> web.Response:
    return see("/training") if following else see(f"/trainings/{training}")


async def finish(visit: Visit) -> web.Response:
    training = visit.one("training")
    await visit.ask(said(m.FinishTraining, user=visit.user, platform="web", training=training))
    return see(f"/trainings/{training}")


async def trainings(visit: Visit) -> web.Response:
    after = visit.request.query.get("after")
    page = await visit.expect(m.Trainings, said(m.ListTrainings, user=visit.user, after=after))
    subjects = await visit.expect(m.Subjects, m.ListSubjects(language=visit.language))
    titles = {subject.slug: subject.title for subject in subjects.items}
    return render(visit, "trainings.html", trainings=page.items, following=page.next, titles=titles)


async def results(visit: Visit) -> web.Response:
    training = await visit.expect(
        m.Training, said(m.ShowTrainingById, user=visit.user, training=visit.part("training"))
    )
    if training.status == "open":
        return see("/training")
    reviewed = training.summary.questions if training.summary else ()
    favorites = await _favorites(visit, training.subject, *(one.question for one in reviewed))
    return render(visit, "results.html", training=training, summary=training.summary, favorites=favorites)


async def _favorites(visit: Visit, subject: str, *questions: str) -> frozenset[str]:
    """Those of the questions that are favourites."""
    asked = m.ShowFavoritesById(user=visit.user, questions=questions, subject=subject)
    return (await visit.expect(m.FavoritesById, asked)).questions


async def favorite(visit: Visit) -> web.Response:
    """Back to where the question stood: its star tells what became of it."""
    await visit.ask(
        said(
            m.SetFavoriteById,
            user=visit.user,
            question=visit.one("question"),
            subject=visit.one("subject"),
            favorite=visit.one("favorite") == "yes",
        )
    )
    return see(_back(visit))


async def report(visit: Visit) -> web.Response:
    await visit.ask(
        said(
            m.ReportQuestion,
            user=visit.user,
            question=visit.one("question"),
            subject=visit.one("subject"),
            text=visit.one("text"),
        )
    )
    done = visit.t("Thank you! The department will look at it.")
    return render(visit, "done.html", done=done, back=_back(visit))


def _back(visit: Visit) -> str:
    return inside(visit.one("back", "/training"))


async def picture(visit: Visit) -> web.Response:
    file = await visit.expect(m.File, said(m.ShowFile, file=visit.part("file")))
    return web.Response(
        body=file.content,
        content_type=file.media_type,
        headers={
            # A picture of the bank may be SVG from anywhere: it may draw, and nothing else.
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
            "Cache-Control": "private, max-age=86400",
        },
    )


PAGES: Final = (
    Page("GET", "/subjects/{subject}", setup, role=None),
    Page("POST", "/trainings", start),
    Page("GET", "/trainings", trainings),
    Page("GET", "/trainings/{training}", results),
    Page("GET", "/training", current),
    Page("POST", "/training/answer", answer),
    Page("GET", "/training/answer", again),
    Page("POST", "/training/skip", skip),
    Page("POST", "/training/finish", finish),
    Page("POST", "/favorites", favorite),
    Page("POST", "/reports", report),
    Page("GET", "/pictures/{file}", picture, role=None),
)
