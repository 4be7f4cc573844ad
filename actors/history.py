"""What was done to a question, and by whom."""

from __future__ import annotations

from typing import Any

from actors.bank import Bank
from protocols.messages import QuestionChange, QuestionHistory, ShowHistory
from storage.mongo import questions
from storage.mongo.client import Database
from storage.postgres import accounts
from storage.postgres.pool import Pool


class History:
    def __init__(self, pool: Pool, database: Database, bank: Bank) -> None:
        self._pool = pool
        self._database = database
        self._bank = bank

    async def show(self, message: ShowHistory) -> QuestionHistory:
        """Raises NotFound, and Conflict where the id is ambiguous."""
        number = self._bank.find(message.question, message.subject)
        changes: list[dict[str, Any]] = await questions.history(self._database, number)  # Any: members of questions
        names = await accounts.names(self._pool, {change["by"] for change in changes})
        return QuestionHistory(
            items=tuple(QuestionChange(**change, name=names.get(change["by"])) for change in reversed(changes))
        )
