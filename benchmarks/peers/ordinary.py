"""The ordinary stack doing the same work: FastAPI, SQLAlchemy's async ORM on asyncpg, uvicorn.

    python -m benchmarks.peers.ordinary POSTGRES_URL_WITH_DRIVER

Each answer is one transaction: who asks, their training, the question, the answer, the question's counters, the
next question. It grades with the same function and answers with the same model as the service.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, TypeAdapter
from sqlalchemy import BigInteger, ForeignKey, func, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

from actors.training.grading import grade, verdict_of
from actors.training.views import key_of, shown
from protocols.messages import AnyQuestion, Progress, Question, Response, Verdict

QUESTION: TypeAdapter[AnyQuestion] = TypeAdapter(Question)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str]
    blocked: Mapped[bool] = mapped_column(default=False)


class Token(Base):
    __tablename__ = "tokens"
    hash: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    user: Mapped[User] = relationship()


class BankQuestion(Base):
    __tablename__ = "questions"
    id: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)  # as in a bank file
    answered: Mapped[int] = mapped_column(default=0)
    correct: Mapped[int] = mapped_column(default=0)


class Training(Base):
    __tablename__ = "trainings"
    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    answered: Mapped[int] = mapped_column(default=0)
    correct: Mapped[int] = mapped_column(default=0)
    items: Mapped[list[Item]] = relationship(order_by="Item.place")


class Item(Base):
    __tablename__ = "training_items"
    training_id: Mapped[str] = mapped_column(ForeignKey(Training.id), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    question_id: Mapped[str] = mapped_column(ForeignKey(BankQuestion.id))
    answered: Mapped[bool] = mapped_column(default=False)


class Answer(Base):
    __tablename__ = "answers"
    training_id: Mapped[str] = mapped_column(ForeignKey(Training.id), primary_key=True)
    question_id: Mapped[str] = mapped_column(ForeignKey(BankQuestion.id), primary_key=True)
    response: Mapped[Any] = mapped_column(JSONB)
    score: Mapped[float]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class AnswerBody(BaseModel):
    question: str
    response: Response


engine = create_async_engine(sys.argv[1], pool_size=16, max_overflow=0, pool_timeout=60)
sessions = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as opened, opened.begin():
        yield opened


async def current_user(authorization: Annotated[str, Header()], db: Annotated[AsyncSession, Depends(session)]) -> User:
    digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).digest()
    token = await db.scalar(select(Token).where(Token.hash == digest).options(selectinload(Token.user)))
    if token is None or token.user.blocked:
        raise HTTPException(401)
    return token.user


@app.post("/api/v1/trainings/{training_id}/answers")
async def answer(
    training_id: str,
    body: AnswerBody,
    user: Annotated[User, Depends(current_user)],
    db: Annotated[AsyncSession, Depends(session)],
) -> Verdict:
    training = await db.scalar(
        select(Training)
        .where(Training.id == training_id, Training.user_id == user.id)
        .options(selectinload(Training.items))
        .with_for_update(of=Training)
    )
    if training is None:
        raise HTTPException(404)
    item = next((item for item in training.items if item.question_id == body.question), None)
    if item is None or item.answered:
        raise HTTPException(409 if item else 404)
    kept = await db.get_one(BankQuestion, body.question)
    question = QUESTION.validate_python(kept.content)
    score = grade(question, body.response).score
    right = verdict_of(score) == "correct"
    db.add(
        Answer(
            training_id=training.id,
            question_id=kept.id,
            response=body.response,
            score=score,
            at=datetime.now(UTC).replace(tzinfo=None),
        )
    )
    item.answered = True
    training.answered += 1
    training.correct += right
    await db.execute(
        update(BankQuestion)
        .where(BankQuestion.id == kept.id)
        .values(answered=BankQuestion.answered + 1, correct=BankQuestion.correct + int(right))
        .execution_options(synchronize_session=False)
    )
    following = next((item for item in training.items if not item.answered), None)
    next_question = None
    if following is not None:
        coming = QUESTION.validate_python((await db.get_one(BankQuestion, following.question_id)).content)
        next_question = shown(coming, following.place, "benchmark", 1)
    return Verdict(
        question=kept.id,
        score=score,
        verdict=verdict_of(score),
        key=key_of(question),
        explanation=question.explanation,
        next=next_question,
        progress=Progress(
            answered=training.answered,
            correct=training.correct,
            skipped=0,
            left=len(training.items) - training.answered,
        ),
    )


async def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"listening {listener.getsockname()[1]}\n")
    sys.stdout.flush()
    await uvicorn.Server(uvicorn.Config(app, loop="uvloop", access_log=False, log_level="warning")).serve([listener])


if __name__ == "__main__":
    asyncio.run(main())
