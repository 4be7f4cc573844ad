"""What pages there are, by whom they are for; each is a function from a visit to an answer."""

from typing import Final

from protocols.web.pages import (
    account,
    administration,
    analytics,
    bank_checks,
    bank_questions,
    bank_subjects,
    broadcasts,
    contest_plans,
    contests,
    figures,
    start,
    training,
)

PAGES: Final = (
    *start.PAGES,
    *account.PAGES,
    *training.PAGES,
    *figures.PAGES,
    *contests.PAGES,
    *contest_plans.PAGES,
    *administration.PAGES,
    *analytics.PAGES,
    *broadcasts.PAGES,
    *bank_checks.PAGES,
    *bank_questions.PAGES,
    *bank_subjects.PAGES,
    start.LOST,
)
