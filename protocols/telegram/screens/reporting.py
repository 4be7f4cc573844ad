"""“This question is wrong”: the student says what, and its authors are told."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.catalogue import Texts
from protocols.messages import Conflict, NotFound, Reported, ReportQuestion, TooMany
from protocols.telegram.callbacks import Go, Pressable, decode, encode
from protocols.telegram.markup import bold
from protocols.telegram.screens.refusals import sorry
from protocols.telegram.screens.screen import Screen, key, paragraphs
from protocols.telegram.turn import Turn

LONGEST = 2000


def report_screen(t: Texts, back: Pressable) -> Screen:
    words = paragraphs(
        bold(t("What is wrong with this question?")), t("Write it as a message: its authors will read it.")
    )
    return Screen(words, ((key(t("‹ Back"), back),),))


async def ask_report(turn: Turn, subject: str, question: str, back: Pressable, *, below: bool = False) -> None:
    """`back` is where the student sees the question."""
    turn.expect("report", subject=subject, question=question, back=encode(back).decode())
    await turn.show(report_screen(turn.t, back), below=below)


async def ask_report_again(turn: Turn) -> None:
    """What was sent is no report."""
    expected = turn.expected
    await ask_report(turn, expected["subject"], expected["question"], _back(expected), below=True)


async def report(turn: Turn, text: str) -> str:
    """Hand the report on, say so, and lead back to the question; what to say instead where it is not taken."""
    expected = turn.expected
    turn.expect_nothing()
    command = ReportQuestion(
        user=turn.user,
        question=expected.get("question", ""),
        subject=expected.get("subject", ""),
        text=text.replace("\0", "")[:LONGEST],
        request=turn.identity,
    )
    try:
        await turn.ask(command, Reported)
    except (NotFound, Conflict, TooMany) as refusal:
        return sorry(turn.t, refusal)
    t = turn.t
    thanks = bold(t("Thank you! The authors will look at it."))
    await turn.show(Screen(thanks, ((key(t("‹ Back to the question"), _back(expected)),),)))
    return ""


def _back(expected: Mapping[str, str]) -> Pressable:
    return decode(expected.get("back", "").encode()) or Go("continue")
