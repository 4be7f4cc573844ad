"""Why something was not done, in a sentence for a student."""

from __future__ import annotations

from protocols.catalogue import Texts
from protocols.messages import Conflict, Forbidden, Invalid, NotFound, Refusal, TooLarge, TooMany, Unauthenticated


def sorry(t: Texts, refusal: Refusal) -> str:
    match refusal:
        case Unauthenticated():
            return blocked(t)
        case Forbidden():
            return t("This is not for your account.")
        case NotFound():
            return t("This is not there any more.")
        case Conflict():
            return t("That does not fit any more: something has changed meanwhile.")
        case Invalid() | TooLarge():
            return t("I cannot take that. Please try it another way.")
        case TooMany(retry_after=seconds) if seconds <= 90:
            return t.plural(
                "That was a bit fast. Please wait {n} second.", "That was a bit fast. Please wait {n} seconds.", seconds
            )
        case TooMany():
            return t("That is enough for now. Please try again later.")
    return later(t)


def later(t: Texts) -> str:
    return t("I cannot do that right now. Please try again in a moment: nothing is lost.")


def too_much(t: Texts) -> str:
    return t("That was too much at once: I have not read the last of it. Please send it again.")


def blocked(t: Texts) -> str:
    return t("This account is blocked. If that is a mistake, please write to the organisers.")
