"""The table of calls: the server's routes and the OpenAPI document are both made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, JsonValue

from protocols import messages as m
from protocols.http.inputs import Base64, Cursor, Search, derive
from protocols.http.reading import JSON_LIMIT

BASE: Final = "/api/v1"
# Filled by the wire itself, never by a client.
OWN_FIELDS: Final = frozenset({"user", "platform", "address", "request"})
PICTURES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml")
WORKBOOK: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FOREVER: Final = "public, max-age=31536000, immutable"

OWN_ID_NOTE: Final = "`subject` is needed only where two subjects share the question's id."


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


EXAMS_HAVE_MINUTES: Final[Mapping[str, JsonValue]] = {
    "if": {"properties": {"mode": {"const": "exam"}}, "required": ["mode"]},
    "then": {"properties": {"minutes": {"type": "integer"}}, "required": ["minutes"]},
    "else": {"properties": {"minutes": {"type": "null"}}},
}

ACCOUNTS, TRAINING, BANK, BROADCASTS = "Accounts", "Training", "Question bank", "Mass messages"
ANALYTICS = "Analytics"
CONTESTS, ADMINISTRATION = "Contests", "Administration"
PictureInBase64 = Annotated[Base64, Field(max_length=m.PICTURE_LIMIT)]
PEOPLE_LIMIT: Final = 8 * JSON_LIMIT  # bytes, for ten thousand people
A_CONTEST: Final[JsonValue] = {
    "title": "First round",
    "subject": "mathematics",
    "starts_at": "2030-02-01T09:00:00Z",
    "ends_at": "2030-02-01T12:00:00Z",
    "minutes": 90,
    "size": 10,
}

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        "POST",
        "/users",
        m.Register,
        m.Profile,
        ACCOUNTS,
        "Open an account",
        201,
        location=f"{BASE}/me",
        conflict="The login is taken.",
        example={"login": "anna", "password": "correct horse", "name": "Анна", "grade": 9},
    ),
    Route(
        "POST",
        "/tokens",
        m.OpenToken,
        m.TokenGranted,
        ACCOUNTS,
        "Sign in",
        201,
        note="Guessing is slowed per login and per address.",
        example={"login": "anna", "password": "correct horse"},
    ),
    Route(
        "DELETE",
        "/tokens/current",
        m.CloseToken,
        None,
        ACCOUNTS,
        "Sign out",
        204,
        fixed={"token": ""},
        note="The token of this very request is revoked.",
    ),
    Route("GET", "/me", m.ShowProfile, m.Profile, ACCOUNTS, "Show the profile"),
    Route(
        "PATCH",
        "/me",
        m.ChangeProfile,
        m.Profile,
        ACCOUNTS,
        "Change the profile",
        note='Only what is sent is changed; `"grade": null` clears the grade.',
        example={"grade": 10},
    ),
    Route(
        "DELETE",
        "/me",
        m.EraseAccount,
        None,
        ACCOUNTS,
        "Erase the account",
        204,
        note="Everything personal is erased; the statistics of questions stay.",
        example={"password": "correct horse"},
    ),
    Route("GET", "/me/export", m.ExportAccount, m.AccountExport, ACCOUNTS, "Everything kept about the user"),
    Route(
        "POST",
        "/me/link",
        m.CreateLinkCode,
        m.LinkCode,
        ACCOUNTS,
        "A code that joins the Telegram account",
        201,
        note="Typed into the bot as `/link CODE`.",
        conflict="The account is joined already.",
    ),
    Route(
        "GET",
        "/subjects",
        m.ListSubjects,
        m.Subjects,
        TRAINING,
        "All subjects and their topics",
        cache="no-cache",
    ),
    Route(
        "GET",
        "/subjects/{subject}/schema",
        m.ShowSubjectSchema,
        m.File,
        BANK,
        "JSON Schema of one question of a subject",
        cache="no-cache",
    ),
    Route(
        "GET",
        "/subjects/{subject}/leaderboard",
        m.ShowLeaderboard,
        m.Leaderboard,
        TRAINING,
        "The best of a subject",
    ),
    Route(
        "POST",
        "/trainings",
        m.StartTraining,
        m.Training,
        TRAINING,
        "Start a training",
        201,
        body_rule=EXAMS_HAVE_MINUTES,
        location=BASE + "/trainings/{id}",
        missing="There is no such subject.",
        conflict="No question matches the filters; the answer says how many do without each.",
        note="An open training of the same user is finished first. `minutes` belong to `exam`.",
        example={"subject": "mathematics", "size": 5},
    ),
    Route(
        "GET",
        "/trainings",
        m.ListTrainings,
        m.Trainings,
        TRAINING,
        "Past trainings, the newest first",
        narrow={"after": Cursor},
    ),
    Route(
        "GET",
        "/trainings/current",
        m.ShowTraining,
        m.Training,
        TRAINING,
        "The open training",
        fixed={"training": None},
        missing="No training is open.",
    ),
    Route("GET", "/trainings/{training}", m.ShowTrainingById, m.Training, TRAINING, "One training"),
    Route(
        "POST",
        "/trainings/{training}/answers",
        m.GiveAnswer,
        m.Verdict,
        TRAINING,
        "Answer a question",
        conflict="The training is finished, or the question has another answer already.",
        note="Sending the same response again is safe and gets the same verdict.",
        example={"question": "angles-1", "response": "b"},
    ),
    Route(
        "POST",
        "/trainings/{training}/skip",
        m.SkipQuestion,
        m.Skipped,
        TRAINING,
        "Skip a question",
        conflict="The training is finished, or the question cannot be skipped.",
        example={"question": "angles-1"},
    ),
    Route(
        "POST",
        "/trainings/{training}/finish",
        m.FinishTraining,
        m.Training,
        TRAINING,
        "Finish a training",
        conflict="The training cannot be finished.",
    ),
    Route(
        "PUT",
        "/me/favorites/{question}",
        m.SetFavoriteById,
        None,
        TRAINING,
        "Keep a question as a favourite",
        204,
        query=("subject",),
        fixed={"favorite": True},
        note=OWN_ID_NOTE,
        conflict="Two subjects have this id.",
    ),
    Route(
        "DELETE",
        "/me/favorites/{question}",
        m.SetFavoriteById,
        None,
        TRAINING,
        "Drop a favourite",
        204,
        query=("subject",),
        fixed={"favorite": False},
        note=OWN_ID_NOTE,
        conflict="Two subjects have this id.",
    ),
    Route(
        "POST",
        "/questions/{question}/reports",
        m.ReportQuestion,
        m.Reported,
        TRAINING,
        "Say that a question is wrong",
        201,
        query=("subject",),
        note=OWN_ID_NOTE,
        conflict="Two subjects have this id.",
        example={"text": "Both b and c are right."},
    ),
    Route(
        "GET",
        "/me/statistics",
        m.ShowStatistics,
        m.Statistics,
        TRAINING,
        "One's own figures",
        missing="There is no such subject.",
    ),
    Route(
        "GET",
        "/me/statistics.svg",
        m.DrawStatistics,
        m.File,
        TRAINING,
        "One's own figures as SVG",
        fixed={"format": "svg"},
        media=("image/svg+xml",),
        missing="There is no such subject.",
    ),
    Route(
        "GET",
        "/me/statistics.png",
        m.DrawStatistics,
        m.File,
        TRAINING,
        "One's own figures as PNG",
        fixed={"format": "png"},
        media=("image/png",),
        missing="There is no such subject.",
    ),
    Route(
        "GET",
        "/files/{file}",
        m.ShowFile,
        m.File,
        TRAINING,
        "A picture of a question",
        media=PICTURES,
        cache=FOREVER,
    ),
    Route(
        "GET",
        "/contests",
        m.ListContests,
        m.Contests,
        CONTESTS,
        "Contests that the user may take part in, the newest first",
        narrow={"after": Cursor},
    ),
    Route(
        "GET",
        "/contests/{contest}",
        m.ShowContest,
        m.Contest,
        CONTESTS,
        "One contest",
        note="`ends_at` has moved by `extended_seconds`, where the service was down during the contest.",
    ),
    Route(
        "POST",
        "/contests/{contest}/join",
        m.JoinContest,
        m.Contest,
        CONTESTS,
        "Announce that one will take part",
        conflict="The contest is over.",
        note="Who has joined is reminded of the start, if the contest does that. Starting joins as well.",
    ),
    Route(
        "POST",
        "/contests/{contest}/start",
        m.StartContest,
        m.Training,
        CONTESTS,
        "Begin, or go on",
        conflict=(
            "The contest has not begun (`starts_in_seconds`), is over, or another one is being taken part in "
            "(`contest`, `training`, `remaining_seconds`)."
        ),
        note=(
            "A training in mode `exam`, always the same one, also when it is over. Its `deadline` is the end of the "
            "user's minutes or of the contest, whichever is first, and moves by `extended_seconds` where the service "
            "was down meanwhile. An open training of another kind is finished first; while this one is open, no other "
            "can be started. With hidden results its summary comes at `results_at`."
        ),
    ),
    Route(
        "GET",
        "/contests/{contest}/leaderboard",
        m.ShowContestLeaderboard,
        m.ContestLeaderboard,
        CONTESTS,
        "Who is where",
        narrow={"after": Cursor},
        note=(
            "The better score is before, then the fewer seconds; who has both the same shares a place. Trainings that "
            "are open have neither. `hidden`: nothing is told before `results_at`, but to administrators."
        ),
    ),
    Route(
        "POST",
        "/admin/contests",
        m.CreateContest,
        m.PlannedContest,
        CONTESTS,
        "Plan a contest",
        201,
        body_limit=PEOPLE_LIMIT,
        location=BASE + "/admin/contests/{id}",
        missing="There is no such subject.",
        conflict="Fewer questions fit than `size`; the answer says how many do without each filter.",
        note=(
            "Either `questions`, or `size` of those that fit `filters`, drawn once for all (`same`) or for `each`. "
            "A start that has passed is now. For administrators."
        ),
        example=A_CONTEST,
    ),
    Route(
        "GET",
        "/admin/contests",
        m.ListPlans,
        m.PlannedContests,
        CONTESTS,
        "All contests, the newest first",
        narrow={"after": Cursor},
        note="For administrators.",
    ),
    Route(
        "GET",
        "/admin/contests/{contest}",
        m.ShowPlan,
        m.PlannedContest,
        CONTESTS,
        "How a contest is planned",
        note="For administrators.",
    ),
    Route(
        "PATCH",
        "/admin/contests/{contest}",
        m.ChangeContest,
        m.PlannedContest,
        CONTESTS,
        "Change a contest",
        body_limit=PEOPLE_LIMIT,
        conflict="It has begun, and only `title` and `rules` can be changed; or fewer questions fit than `size`.",
        note='Only what is sent is changed; `"remind_minutes": null` drops the reminder. For administrators.',
        example={"minutes": 60},
    ),
    Route(
        "DELETE",
        "/admin/contests/{contest}",
        m.DeleteContest,
        None,
        CONTESTS,
        "Delete a contest",
        204,
        conflict="Somebody has started it.",
        note="For administrators.",
    ),
    Route(
        "POST",
        "/admin/bank/validate",
        m.ValidateBank,
        m.BankReport,
        BANK,
        "Check a bank file",
        upload=True,
        note="Nothing is written. For editors.",
    ),
    Route(
        "POST",
        "/admin/bank/import",
        m.ImportBank,
        m.BankReport,
        BANK,
        "Import a bank file",
        upload=True,
        query=("partial",),
        conflict="The bank is being changed by another import.",
        note="All or nothing, unless `partial=true`. For editors.",
    ),
    Route(
        "POST",
        "/admin/bank/errors.xlsx",
        m.MarkBankErrors,
        m.File,
        BANK,
        "A copy of a workbook with its errors beside the cells",
        upload=True,
        media=(WORKBOOK,),
        note="Nothing is written. For editors.",
    ),
    Route(
        "GET",
        "/admin/bank/export",
        m.ExportBank,
        m.Download,
        BANK,
        "Questions as a bank file",
        narrow={"search": Search},
        media=("application/yaml", "application/json", "text/plain", "application/xml", WORKBOOK, "application/zip"),
        missing="There is no such subject.",
        note=(
            "A ZIP where there are pictures that the format cannot hold. `Export-Warnings` counts the questions that "
            "it could not carry just as they are. For editors."
        ),
    ),
    Route(
        "GET",
        "/admin/subjects/{subject}/template.xlsx",
        m.ShowBankTemplate,
        m.File,
        BANK,
        "A workbook to be filled in with questions of a subject",
        media=(WORKBOOK,),
        note="For editors.",
    ),
    Route(
        "GET",
        "/admin/questions",
        m.ListQuestions,
        m.BankQuestions,
        BANK,
        "Questions with keys and figures",
        narrow={"after": Cursor, "search": Search},
        note="For editors.",
    ),
    Route(
        "GET",
        "/admin/questions/{question}",
        m.ShowBankQuestion,
        m.BankQuestion,
        BANK,
        "One question with its key",
        conflict="Two subjects have this id.",
        note=f"For editors. {OWN_ID_NOTE}",
    ),
    Route(
        "PATCH",
        "/admin/questions/{question}",
        m.ChangeQuestion,
        m.BankQuestion,
        BANK,
        "Change a question",
        query=("subject",),
        whole_body="changes",
        conflict="Two subjects have this id.",
        note=f"The body holds members of a question as in a bank file. For editors. {OWN_ID_NOTE}",
        example={"difficulty": 3},
    ),
    Route(
        "DELETE",
        "/admin/questions/{question}",
        m.ArchiveQuestion,
        None,
        BANK,
        "Archive a question",
        204,
        query=("subject",),
        conflict="Two subjects have this id.",
        note=f"It is drawn no more; trainings that hold it and its counters stay. For editors. {OWN_ID_NOTE}",
    ),
    Route(
        "POST",
        "/admin/questions/{question}/restore",
        m.RestoreQuestion,
        None,
        BANK,
        "Draw an archived question again",
        204,
        query=("subject",),
        conflict="Two subjects have this id.",
        note=f"For editors. {OWN_ID_NOTE}",
    ),
    Route(
        "GET",
        "/admin/questions/{question}/history",
        m.ShowHistory,
        m.QuestionHistory,
        BANK,
        "What was done to a question, the newest first",
        conflict="Two subjects have this id.",
        note=f"`was` has the changed members as they were before. For editors. {OWN_ID_NOTE}",
    ),
    Route(
        "POST",
        "/admin/subjects",
        m.CreateSubject,
        m.DeclaredSubject,
        BANK,
        "Add a subject",
        201,
        location=BASE + "/admin/subjects/{slug}",
        conflict="It is there already.",
        note="Its topics differ in their slugs. For editors.",
        example={"slug": "physics", "title": {"ru": "Физика", "en": "Physics"}, "topics": []},
    ),
    Route(
        "GET",
        "/admin/subjects/{subject}",
        m.ShowSubject,
        m.DeclaredSubject,
        BANK,
        "How a subject is declared",
        note="For editors.",
    ),
    Route(
        "PATCH",
        "/admin/subjects/{subject}",
        m.ChangeSubject,
        m.DeclaredSubject,
        BANK,
        "Change a subject",
        conflict="Questions have a topic or a kind that would go; they are told as `topics` and `kinds`.",
        note='Only what is sent is changed; `"extra": null` lets questions have any own fields. For editors.',
        example={"title": {"ru": "Физика", "en": "Physics"}},
    ),
    Route(
        "GET",
        "/admin/reports",
        m.ListReports,
        m.QuestionReports,
        BANK,
        "What students have reported about questions, the newest first",
        narrow={"after": Cursor},
        conflict="Two subjects have this id.",
        missing="There is no such question.",
        note=f"`open=false` for those that are closed. For editors. {OWN_ID_NOTE}",
    ),
    Route(
        "POST",
        "/admin/reports/{report}/close",
        m.CloseReport,
        m.QuestionReport,
        BANK,
        "Close a report with a word to the student",
        conflict="It is closed already.",
        note="The student hears of it by Telegram, where that reaches them, and on their page. For editors.",
        example={"answer": "You are right: it is mended. Thank you!"},
    ),
    Route(
        "GET",
        "/me/reports",
        m.ListOwnReports,
        m.OwnReports,
        TRAINING,
        "What one has reported, and what its authors answered",
        narrow={"after": Cursor},
        note="`unseen=true` for answers that were not read.",
    ),
    Route(
        "POST",
        "/me/reports/{report}/seen",
        m.MarkReportSeen,
        None,
        TRAINING,
        "Note that an answer was read",
        204,
    ),
    Route(
        "POST",
        "/admin/broadcasts",
        m.CreateBroadcast,
        m.Broadcast,
        BROADCASTS,
        "Prepare a mass message",
        201,
        narrow={"image": PictureInBase64},
        body_limit=JSON_LIMIT + m.PICTURE_LIMIT * 4 // 3,
        location=BASE + "/admin/broadcasts/{id}",
        note=(
            "With `start_at` it is scheduled, without it waits for its start. `text` is Markdown, or plain with "
            "`entities`; `image` is a PNG or JPEG in base64. It goes to all whom Telegram reaches and who want "
            "messages, narrowed by each part of `audience`; if that is nobody, it is refused. For administrators."
        ),
        example={"text": "**Tomorrow** at 10: the first round.", "audience": {"grades": [9, 10]}},
    ),
    Route(
        "GET",
        "/admin/broadcasts",
        m.ListBroadcasts,
        m.Broadcasts,
        BROADCASTS,
        "Mass messages, the newest first",
        narrow={"after": Cursor},
        note="For administrators.",
    ),
    Route(
        "GET",
        "/admin/broadcasts/{broadcast}",
        m.ShowBroadcast,
        m.Broadcast,
        BROADCASTS,
        "How far a mass message has come",
        note="`waiting` tells why a running one sends nothing. For administrators.",
    ),
    Route(
        "GET",
        "/admin/broadcasts/{broadcast}/stream",
        m.ShowBroadcast,
        m.Broadcast,
        BROADCASTS,
        "How far it has come, at every change",
        stream_until=lambda shown: shown.state in ("finished", "cancelled"),
        media=("text/event-stream",),
        note=(
            "Server-sent events: at once and at every change, at most two a second, what the call without `/stream` "
            "answers; it ends when the message is finished or cancelled. For administrators."
        ),
    ),
    Route(
        "PATCH",
        "/admin/broadcasts/{broadcast}",
        m.ChangeBroadcast,
        m.Broadcast,
        BROADCASTS,
        "Change a mass message",
        narrow={"image": PictureInBase64},
        body_limit=JSON_LIMIT + m.PICTURE_LIMIT * 4 // 3,
        conflict="It was started, and stands as it is; or somebody else has changed it just now.",
        note=(
            'Only what is sent is changed. `"image": null` takes the picture away, `"start_at": null` the time. '
            "For administrators."
        ),
        example={"audience": {"active_days": 30}},
    ),
    *(
        Route(
            "POST",
            f"/admin/broadcasts/{{broadcast}}/{verb}",
            message,
            m.Broadcast,
            BROADCASTS,
            f"{verb.title()} a mass message",
            conflict="It is in a state, told as `state`, in which that cannot be.",
            note=f"{what} For administrators.",
        )
        for verb, message, what in (
            ("start", m.StartBroadcast, "From now on it is sent, also one that was scheduled for later."),
            ("pause", m.PauseBroadcast, "What is on its way arrives; nothing more is sent."),
            ("resume", m.ResumeBroadcast, "It goes on where it was."),
            ("cancel", m.CancelBroadcast, "What is on its way arrives; nothing more is sent, for good."),
        )
    ),
    Route(
        "GET",
        "/admin/users",
        m.FindUsers,
        m.ManagedUsers,
        ADMINISTRATION,
        "Users, the newest first",
        narrow={"after": Cursor},
        note="`search` is an id, or a part of a login or a name. For administrators.",
    ),
    Route(
        "GET",
        "/admin/users/{target}",
        m.ShowUser,
        m.ManagedUser,
        ADMINISTRATION,
        "One user",
        note="For administrators.",
    ),
    Route(
        "PATCH",
        "/admin/users/{target}",
        m.ChangeUser,
        m.ManagedUser,
        ADMINISTRATION,
        "Change the role of a user, block or unblock them",
        conflict="It is the last administrator, or oneself.",
        note="Only what is sent is changed, from this moment on. For administrators.",
        example={"role": "editor"},
    ),
    Route(
        "DELETE",
        "/admin/users/{target}",
        m.EraseUser,
        None,
        ADMINISTRATION,
        "Erase a user",
        204,
        conflict="It is oneself.",
        note="Everything personal is erased; the statistics of questions stay. For administrators.",
    ),
    *(
        Route(
            "GET",
            f"/admin/exports/{kind}.xlsx",
            m.MakeSpreadsheet,
            m.Download,
            ADMINISTRATION,
            f"All {kind} as a spreadsheet",
            fixed={"kind": kind},
            media=(WORKBOOK,),
            note="For administrators.",
        )
        for kind in ("users", "results", "questions")
    ),
    Route(
        "GET",
        "/admin/exports/contests/{file}",
        m.MakeContestSpreadsheet,
        m.Download,
        ADMINISTRATION,
        "The results of a contest as a spreadsheet",
        media=(WORKBOOK,),
        note="`file` is the id of the contest with `.xlsx` after it. For administrators.",
    ),
    Route(
        "GET",
        "/admin/parked",
        m.ListParked,
        m.ParkedSteps,
        ADMINISTRATION,
        "Events that a place of figures has refused for good",
        narrow={"after": Cursor},
        note="For administrators.",
    ),
    Route(
        "POST",
        "/admin/parked/{relay}/{position}/retry",
        m.RetryParked,
        None,
        ADMINISTRATION,
        "Carry a parked event to its place after all",
        204,
        conflict="It was refused again; the reason is told anew.",
        note="For administrators.",
    ),
    Route(
        "GET",
        "/admin/audit",
        m.ListAudit,
        m.Audit,
        ADMINISTRATION,
        "What editors and administrators have done, the newest first",
        narrow={"after": Cursor},
        note="An act without an outcome was cut short. For administrators.",
    ),
    Route(
        "GET",
        "/admin/questions/{question}/quality",
        m.ShowQuestionQuality,
        m.QuestionQuality,
        ANALYTICS,
        "How good a question is",
        conflict="Two subjects have this id.",
        note=(
            "Facility, discrimination and the shares of the options among stronger and weaker students, with how many "
            "answers each rests on; `flags` say in plain words what should be looked at. "
            f"For editors. {OWN_ID_NOTE}"
        ),
    ),
    Route(
        "GET",
        "/admin/subjects/{subject}/quality",
        m.ShowSubjectQuality,
        m.SubjectQuality,
        ANALYTICS,
        "How good the questions of a subject are",
        narrow={"after": Cursor},
        missing="There is no such subject.",
        note="`flagged=true`: only those that something is to be said about. For editors.",
    ),
    Route(
        "GET",
        "/admin/analytics",
        m.ShowAnalytics,
        m.Analytics,
        ANALYTICS,
        "The main reports of the dashboards",
        note="For administrators.",
    ),
)
