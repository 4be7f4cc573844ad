"""The wire over a router that answers from a table: what is tested here is HTTP, not the service."""

from __future__ import annotations

from datetime import UTC, datetime

import aiohttp

from protocols import messages as m
from protocols.http import Readiness

TOKENS: dict[str, m.Role] = {"student-token": "student", "editor-token": "editor"}
MOMENT = datetime(2026, 9, 1, 12, tzinfo=UTC)
PROFILE = m.Profile(
    id=7,
    login="anna",
    name="Анна",
    language="ru",
    grade=9,
    role="student",
    notifications=True,
    registered_at=MOMENT,
    last_seen_at=None,
    telegram=False,
)
TRAINING = m.Training(
    id="7-1",
    subject="mathematics",
    mode="practice",
    size=1,
    status="open",
    started_at=MOMENT,
    finished_at=None,
    deadline=None,
    progress=m.Progress(answered=0, correct=0, skipped=0, left=1),
    question=None,
    summary=None,
)
VERDICT = m.Verdict(
    question="angles-1",
    score=1.0,
    verdict="correct",
    key="b",
    explanation="The angles of a triangle add up to 180°.",
    next=None,
    progress=m.Progress(answered=1, correct=1, skipped=0, left=0),
)
REPORT = m.BankReport(
    subject="mathematics",
    format="yaml",
    total=0,
    valid=0,
    added=0,
    updated=0,
    unchanged=0,
    skipped=(),
    errors=(),
)
NOTHING = m.Figures(answered=0, correct=0, score=0.0, seconds=0.0)
STATISTICS = m.Statistics(
    totals=NOTHING, trainings=0, by_subject=(), by_topic=(), by_day=(), streak=m.Streak(current=0, longest=0)
)
SKETCH = m.File(content=b"<svg xmlns='http://www.w3.org/2000/svg'/>", media_type="image/svg+xml")


class TableRouter:
    """Answers each type of message with one reply, or raises it; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[m.Message] = []
        self.replies: dict[type[m.Message], m.Message | Exception] = {
            m.Register: PROFILE,
            m.ShowProfile: PROFILE,
            m.ChangeProfile: PROFILE,
            m.EraseAccount: m.Done(),
            m.CloseToken: m.Done(),
            m.OpenToken: m.TokenGranted(token="student-token", expires_at=MOMENT, user=PROFILE),
            m.ListSubjects: m.Subjects(items=()),
            m.StartTraining: TRAINING,
            m.ShowTraining: TRAINING,
            m.ShowTrainingById: TRAINING,
            m.GiveAnswer: VERDICT,
            m.SetFavoriteById: m.Done(),
            m.ShowStatistics: STATISTICS,
            m.ShowFile: SKETCH,
            m.ListTrainings: m.Trainings(items=(TRAINING,), next="7-1"),
            m.ValidateBank: REPORT,
            m.ImportBank: REPORT,
            m.ChangeQuestion: m.NotFound("there is no such question"),
        }

    def caller(self, token: str, /) -> m.Caller | None:
        role = TOKENS.get(token)
        return m.Caller(user=7, role=role, language="ru") if role else None

    async def ask(self, message: m.Message, /) -> m.Message:
        self.asked.append(message)
        if isinstance(message, m.Authenticate):
            raise m.Unauthenticated("the token is unknown, revoked or expired")
        reply = self.replies[type(message)]
        if isinstance(reply, Exception):
            raise reply
        return reply


class Client:
    """HTTP against the running wire, as a student unless told otherwise."""

    def __init__(self, session: aiohttp.ClientSession, router: TableRouter, port: int) -> None:
        self.session, self.router, self.port = session, router, port
        self.readiness = Readiness(status="ok", parts={"postgres": "ok"})

    async def call(
        self, method: str, path: str, *, token: str | None = "student-token", **sent: object
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        headers = dict(sent.pop("headers", {}))  # type: ignore[call-overload]
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token}")
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.session.request(
            method,
            url,
            headers=headers,
            allow_redirects=False,
            **sent,  # type: ignore[arg-type]
        ) as response:
            return response, await response.read()
