"""“This question is wrong”: the student says what, and its authors are told."""

from __future__ import annotations

from protocols.catalogue import Texts
from protocols.messages import Conflict, NotFound, Reported, ReportQuestion, TooMany
from protocols.telegram.callbacks import Go
from protocols.telegram.markup import bold
from protocols.telegram.screens.refusals import sorry
from protocols.telegram.screens.screen import Screen, key, paragraphs
from protocols.telegram.turn import Turn

LONGEST = 2000


def report_screen(t: Texts) -> Screen:
    words = paragraphs(
        bold(t("What is wrong with this question?")), t("Write it as a message: its authors will read it.")
    )
    return Screen(words, ((key(t("‹ Back"), Go("continue")),),))


async def ask_report(turn: Turn, subject: str, question: str, *, below: bool = False) -> None:
    turn.expect("report", subject=subject, question=question)
    await turn.show(report_screen(turn.t), below=below)


async def report(turn: Turn, text: str, subject: str, question: str) -> str:
    """Hand the report on; what to tell the student."""
    command = ReportQuestion(
        user=turn.user,
        question=question,
        subject=subject,
        text=text.replace("\0", "")[:LONGEST],
        request=turn.identity,
    )
    try:
        await turn.ask(command, Reported)
    except (NotFound, Conflict, TooMany) as refusal:
        return sorry(turn.t, refusal)
    return turn.t("Thank you! The authors will look at it.")
