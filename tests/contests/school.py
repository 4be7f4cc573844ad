"""What administrators and students do in a contest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.api.banks import RIGHT, WRONG
from tests.api.client import PASSWORD, Client, Json, connect

MOSCOW = ZoneInfo("Europe/Moscow")  # of the service, unless it is told another
QUESTIONS = ("single", "multiple", "text", "number")


async def with_role(guest: Client, role: str, login: str) -> Client:
    await guest.post("/users", {"login": login, "password": PASSWORD, "name": role.title()}, status=201)
    connection = await connect(guest.service)
    try:
        await connection.execute("UPDATE users SET role = $1 WHERE login = $2", role, login)
    finally:
        await connection.close()
    return await guest.signed_in(login)


def at(moment: datetime) -> str:
    return moment.isoformat()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def plan(subject: str, *, begins_in: float = -60.0, lasts: float = 3600.0, **more: Json) -> Json:
    """A contest of QUESTIONS that has just begun. Times are in seconds."""
    start = datetime.now(UTC) + timedelta(seconds=begins_in)
    body = {
        "title": "First round",
        "subject": subject,
        "starts_at": at(start),
        "ends_at": at(max(start, datetime.now(UTC)) + timedelta(seconds=lasts)),
        "minutes": 30,
        "results_hidden": False,
    } | more
    if "questions" not in body and "size" not in body:
        body["questions"] = list(QUESTIONS)
    return body


async def planned(admin: Client, subject: str, **more: Json) -> Json:
    return await admin.post("/admin/contests", plan(subject, **more), status=201)


async def begun(student: Client, contest: Json) -> Json:
    return await student.post(f"/contests/{contest['id']}/start")


async def answered(student: Client, training: Json, right: int, questions: tuple[str, ...] = QUESTIONS) -> None:
    """Answer all questions, the first `right` of them right."""
    for place, question in enumerate(questions):
        response = (RIGHT if place < right else WRONG)[question]
        await student.post(f"/trainings/{training['id']}/answers", {"question": question, "response": response})


async def board(student: Client, contest: Json) -> Json:
    return await student.get(f"/contests/{contest['id']}/leaderboard")
