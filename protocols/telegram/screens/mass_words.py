"""What is said of a mass message, by the bot and on its page."""

from __future__ import annotations

from typing import Final

from protocols.catalogue import Texts, mark
from protocols.messages import Broadcast, BroadcastState, Waiting

STATES: Final[dict[BroadcastState, str]] = {
    "draft": mark("a draft"),
    "scheduled": mark("scheduled"),
    "running": mark("being sent"),
    "paused": mark("paused"),
    "finished": mark("sent"),
    "cancelled": mark("cancelled"),
}
WAITING: Final[dict[Waiting, str]] = {
    "bot": mark("Waiting: the bot is off."),
    "preparing": mark("The recipients are being listed …"),
    "turn": mark("Waiting for its turn."),
    "quiet": mark("Waiting: these are quiet hours."),
    "flood": mark("Telegram asked for a pause; it goes on by itself."),
    "telegram": mark("Telegram does not answer; it goes on by itself."),
    "database": mark("The database does not answer; it goes on by itself."),
}
NOBODY: Final = mark("So far nobody would get it: none of these is reached by Telegram and wants messages.")
REASONS: Final = {
    "blocked": mark("have blocked the bot"),
    "deleted": mark("have left Telegram"),
    "unreachable": mark("could not be reached any more"),
    "declined": mark("want no messages any more"),
    "erased": mark("have erased their account"),
    "other": mark("other reasons"),
}


def reasons_told(t: Texts, broadcast: Broadcast) -> str:
    """Why some did not get it, and how many; what has no words here is told in Telegram's own."""
    return "; ".join(
        f"{t(REASONS[why]) if why in REASONS else why}: {t.number(count)}" for why, count in broadcast.reasons.items()
    )


def begins_training(broadcast: Broadcast) -> bool:
    """Whether it has a button whose presses are counted."""
    return any(button.subject is not None for row in broadcast.buttons for button in row)


def problem_told(t: Texts, broadcast: Broadcast) -> str:
    """Why it was paused by itself, and what to do then; empty where it was not."""
    if broadcast.problem is None:
        return ""
    told = t("⚠️ Telegram refuses this message, whomever it is to: {reason}.", reason=broadcast.problem)
    if broadcast.state != "paused":
        return told
    advice = t(
        "It was paused. Go on if the cause is gone: who was refused gets it, too. Or cancel it and write it anew."
    )
    return f"{told} {advice}"
