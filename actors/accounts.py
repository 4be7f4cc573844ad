"""Accounts: who may come in, what is kept about them, and how it is let go.

One process holds the caches, so a closed token, a blocked user or a changed role is known at once; what
another process does (the command line) is known after CACHE_SECONDS.
"""

import ipaddress
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable, Container, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson
import structlog
from asyncpg import Record
from cachetools import FIFOCache
from pydantic import JsonValue, TypeAdapter, ValidationError

from actors.bank import Bank
from actors.guard import MICROSECONDS, Guard
from actors.passwords import Passwords
from protocols.messages import (
    AccountExport,
    Authenticate,
    Caller,
    ChangeProfile,
    CloseToken,
    Conflict,
    CreateLinkCode,
    Done,
    EraseAccount,
    EraseFromTelegram,
    ExportAccount,
    FieldError,
    Forbidden,
    Invalid,
    Language,
    LinkCode,
    Login,
    MadeUpPassword,
    NotFound,
    OpenToken,
    Password,
    PersonName,
    Profile,
    Register,
    Reported,
    ReportQuestion,
    Role,
    ShowProfile,
    TokenGranted,
    TooMany,
    Unauthenticated,
)
from storage.postgres import accounts as sql
from storage.postgres.pool import Pool, is_transient

TOKEN_LIFE = timedelta(days=30)
TOKENS_A_USER = 50
PASSWORD_BYTES = 12  # of one that is made up, as 16 characters
LINK_CODE_LIFE = timedelta(minutes=10)
LINK_CODE_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none that look alike
LINK_CODE_LENGTH = 8
REPORTS_A_DAY = 50
CACHE_SECONDS = 60
CACHED_USERS = 200_000
CACHED_TOKENS = 200_000
FREE_TRIES_OF_A_LOGIN = 10
FREE_TRIES_OF_AN_ADDRESS = 100  # a school has one address

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KnownUser:
    """What is checked before anything is done for a user; `caller` tells the role and the language."""

    caller: Caller
    name: str
    grade: int | None
    notifications: bool
    blocked: bool


class Accounts:
    """`clock` tells microseconds since 1970. All methods belong to one event loop."""

    def __init__(self, pool: Pool, clock: Callable[[], int], passwords: Passwords, bank: Bank) -> None:
        self._pool = pool
        self._clock = clock
        self._passwords = passwords
        self._bank = bank
        self._logins = Guard(clock, free=FREE_TRIES_OF_A_LOGIN)
        self._addresses = Guard(clock, free=FREE_TRIES_OF_AN_ADDRESS, longest=60.0)
        # What is known until when, in microseconds: of the hash of a token its user, of a user the standing.
        # Not a TTLCache: every request looks here three times, and that one takes five times as long to tell.
        self._tokens: FIFOCache[bytes, tuple[int, int]] = FIFOCache(CACHED_TOKENS)
        self._users: FIFOCache[int, tuple[KnownUser, int]] = FIFOCache(CACHED_USERS)
        # Grows with every change of users or tokens: what was read before a change is not cached after it.
        self._changes = 0
        self._seen: dict[int, int] = {}

    # --- Coming in ------------------------------------------------------------------------------------------

    async def register(self, message: Register) -> Profile:
        """Raises Invalid, Conflict when the login is taken, Unavailable when too many passwords are being
        hashed.
        """
        password = message.password.get_secret_value()
        _refuse_login_as_password(message.login, password)
        if await sql.user_by_login(self._pool, message.login.lower()):
            raise _taken(message.login)  # known before the costly hash
        hashed = await self._passwords.hash(password)
        try:
            row = await sql.add_user(
                self._pool,
                login=message.login,
                password_hash=hashed,
                name=message.name,
                language=message.language,
                grade=message.grade,
                role="student",
                now=self._now(),
            )
        except sql.LoginTaken:
            raise _taken(message.login) from None
        return self._profile(row)

    async def open_token(self, message: OpenToken) -> TokenGranted:
        """Raises Unauthenticated, TooMany after failures, Forbidden when blocked, Unavailable when too many
        are waiting.
        """
        login = message.login.lower()
        address = _network(message.address)
        self._addresses.attempt(address)
        try:
            self._logins.attempt(login)
        except TooMany:
            self._addresses.take_back(address)
            raise
        try:
            row = await sql.user_by_login(self._pool, login)
            matches = await self._password_matches(row, message.password.get_secret_value())
        except BaseException:  # nobody learned anything
            self._logins.take_back(login)
            self._addresses.take_back(address)
            raise
        if row is None or not matches:
            raise Unauthenticated("Wrong login or password")
        self._logins.forget(login)
        self._addresses.take_back(address)
        if row["blocked"]:
            raise Forbidden("This account is blocked; ask an administrator")
        token = secrets.token_urlsafe(32)
        now = self._now()
        expires_at = now + TOKEN_LIFE
        dropped = await sql.add_token(self._pool, row["id"], digest(token), now, expires_at, TOKENS_A_USER)
        if dropped is None:  # erased meanwhile
            raise Unauthenticated("Wrong login or password")
        if dropped:
            self._changes += 1
            for hashed in dropped:
                self._tokens.pop(hashed, None)
        return TokenGranted(token=token, expires_at=expires_at, user=self._profile(row))

    async def close_token(self, message: CloseToken) -> Done:
        hashed = digest(message.token.get_secret_value())
        try:
            await sql.drop_token(self._pool, message.user, hashed)
        finally:  # whatever became of it, the database is asked next time
            self._changes += 1
            self._tokens.pop(hashed, None)
        return Done()

    async def authenticate(self, message: Authenticate) -> Caller:
        """Raises Unauthenticated. Whether the caller is blocked is for the router to check."""
        token = message.token.get_secret_value()
        caller = self.cached_caller(token)
        if caller is not None:
            return caller
        changes = self._changes
        hashed = digest(token)
        row = await sql.token_owner(self._pool, hashed, self._now())
        if row is None:
            raise Unauthenticated("The token is unknown, expired or closed: open a new one")
        known = _known(row)
        if changes == self._changes:
            until = self._clock() + CACHE_SECONDS * MICROSECONDS
            self._tokens[hashed] = (row["id"], min(until, _microseconds(row["expires_at"])))
            self._users[row["id"]] = (known, until)
        return known.caller

    def cached_caller(self, token: str) -> Caller | None:
        """Whom a token stands for, if that was asked lately; None: use `authenticate`."""
        try:
            user, token_until = self._tokens[digest(token)]
            known, user_until = self._users[user]
        except KeyError:
            return None
        return known.caller if self._clock() < min(token_until, user_until) else None

    # --- Standing -------------------------------------------------------------------------------------------

    def cached_user(self, user: int) -> KnownUser | None:
        """The user, if asked for lately; None: use `known_user`."""
        try:
            known, until = self._users[user]
        except KeyError:
            return None
        return known if self._clock() < until else None

    async def known_user(self, user: int) -> KnownUser | None:
        """The user as of now or of CACHE_SECONDS ago; None when there is no such user."""
        known = self.cached_user(user)
        if known is None:
            changes = self._changes
            row = await sql.user_by_id(self._pool, user)
            if row is None:
                return None
            known = _known(row)
            if changes == self._changes:
                self._users[user] = (known, self._clock() + CACHE_SECONDS * MICROSECONDS)
        return known

    def forget(self, user: int) -> None:
        """The user was changed, blocked or erased: read anew from now on."""
        self._changes += 1
        self._users.pop(user, None)

    async def reset_password(self, user: int) -> MadeUpPassword:
        """Raises Conflict where there is no login to go with it, as of a user who comes by a messenger alone."""
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        changed = await sql.replace_password(self._pool, user, await self._passwords.hash(password))
        if changed is None:
            raise Conflict("This account has no login: they come by a messenger, which knows them without a password")
        login, dropped = changed
        self._changes += 1
        for hashed in dropped:
            self._tokens.pop(hashed, None)
        self._logins.forget(login.lower())
        return MadeUpPassword(login=login, password=password)

    async def set_role(self, login: str, role: Role) -> None:
        """Raises NotFound."""
        user = await sql.set_role(self._pool, login, role)
        if user is None:
            raise NotFound(f"There is no user {login!r}")
        self.forget(user)

    async def set_blocked(self, user: int, blocked: bool) -> None:
        """Raises NotFound."""
        try:
            if not await sql.set_blocked(self._pool, user, blocked):
                raise NotFound(f"There is no user {user}")
        finally:
            self.forget(user)

    def touch(self, user: int) -> None:
        """The user was here just now; written by the next `flush_seen`. As many are kept as users are
        cached.
        """
        if user in self._seen or len(self._seen) < CACHED_USERS:
            self._seen[user] = self._clock()

    async def flush_seen(self) -> None:
        """Write last-seen dates in one statement. What could not be written is tried with the next ones."""
        seen, self._seen = self._seen, {}
        if not seen:
            return
        try:
            await sql.set_last_seen(self._pool, {user: _datetime(at) for user, at in seen.items()})
        except BaseException:
            self._seen = seen | self._seen
            raise

    # --- The profile and the data ---------------------------------------------------------------------------

    async def show_profile(self, message: ShowProfile) -> Profile:
        row = await sql.user_by_id(self._pool, message.user)
        if row is None:
            raise _gone()
        return self._profile(row)

    async def change_profile(self, message: ChangeProfile) -> Profile:
        """None leaves as it is; a grade that is expressly None is taken away, as nothing else says that it
        no longer holds.
        """
        changes = message.model_dump(exclude={"user"}, exclude_none=True)
        if "grade" in message.model_fields_set:
            changes["grade"] = message.grade
        try:
            row = await sql.change_user(self._pool, message.user, changes)
        finally:
            self.forget(message.user)
        if row is None:
            raise _gone()
        return self._profile(row)

    async def erase_account(self, message: EraseAccount, end_session: Callable[[int], Awaitable[object]]) -> Done:
        """Erase the user after `end_session` has put the last word into the journal: from then on it is
        certain.

        What follows here is done again by the relay that carries the journal onward, so it may fail.
        Raises Forbidden on a wrong password, TooMany after several.
        """
        row = await sql.user_by_id(self._pool, message.user)
        if row is None:
            raise _gone()
        login = (row["login"] or "").lower()
        self._logins.attempt(login)
        try:
            matches = await self._password_matches(row, message.password.get_secret_value())
        except BaseException:
            self._logins.take_back(login)
            raise
        if not matches:
            raise Forbidden("Wrong password: nothing was erased")
        self._logins.forget(login)
        return await self.erase(message.user, end_session)

    async def erase_from_telegram(
        self, message: EraseFromTelegram, end_session: Callable[[int], Awaitable[object]]
    ) -> Done:
        """The same for whom Telegram vouches for. Raises Forbidden if the user is not theirs, or no longer."""
        row = await sql.user_by_id(self._pool, message.user)
        if row is None:
            raise _gone()
        if row["telegram_id"] != message.telegram:
            raise Forbidden("This is not the account of this Telegram user: nothing was erased")
        return await self.erase(message.user, end_session)

    async def erase(self, user: int, end_session: Callable[[int], Awaitable[object]]) -> Done:
        """The same for whom an administrator erases."""
        await end_session(user)
        try:
            await sql.erase_now(self._pool, user)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("erasing is left to the relay", user=user, problem=repr(error))
        finally:
            self._seen.pop(user, None)
            self.forget(user)
        return Done()

    async def export(self, message: ExportAccount) -> AccountExport:
        kept = await sql.kept_about(self._pool, message.user)
        if kept is None:
            raise _gone()
        # What an exam has not told yet, this does not tell either.
        untold = {
            row["id"]
            for row in kept["trainings"]
            if row["mode"] == "exam" and (row["finished_at"] is None or row["untold"])
        }
        return AccountExport(
            profile=self._profile(kept["users"][0]),
            tokens=tuple(_plain(row) for row in kept["tokens"]),
            chats=tuple(_plain(row) for row in kept["chats"]),
            broadcasts=tuple(_plain(row) for row in kept["broadcasts"]),
            contests=tuple(_plain(row) for row in kept["contests"]),
            favorites=tuple(self._favorites(message.user, kept["journal"])),
            trainings=tuple(
                _plain(row) | {"questions": [self._question_id(number) for number in row["questions"]]}
                for row in kept["trainings"]
            ),
            answers=tuple(_unscored(self._with_question_id(row), untold) for row in kept["answers"]),
            reports=tuple(self._with_question_id(row) for row in kept["reports"]),
            journal=tuple(_plain(row) | {"data": _unscored(row["data"], untold)} for row in kept["journal"]),
        )

    async def create_link_code(self, message: CreateLinkCode) -> LinkCode:
        """A code to type into a messenger; it replaces the user's earlier one. Raises Conflict when the account has
        a messenger already.
        """
        row = await sql.user_by_id(self._pool, message.user)
        if row is None:
            raise _gone()
        if row["telegram"]:
            raise Conflict("This account is joined with a Telegram account already")
        now = self._now()
        expires_at = now + LINK_CODE_LIFE
        await sql.purge_link_codes(self._pool, now)
        for _ in range(3):  # another user has the same code once in a million millions
            code = "".join(secrets.choice(LINK_CODE_LETTERS) for _ in range(LINK_CODE_LENGTH))
            if await sql.set_link_code(self._pool, message.user, digest(code), expires_at):
                return LinkCode(code=code, expires_at=expires_at)
        raise _gone()

    async def report_question(self, message: ReportQuestion) -> Reported:
        """Raises NotFound, Conflict when the id is ambiguous, TooMany after REPORTS_A_DAY in 24 hours."""
        number = self._bank.find(message.question, message.subject)
        place = self._bank.place(number)
        now = self._now()
        report = await sql.add_report(
            self._pool,
            message.user,
            question=number,
            subject=place.subject,
            text=message.text,
            now=now,
            a_day=REPORTS_A_DAY,
            request=message.request,
        )
        if report is None:
            raise _gone()
        if isinstance(report, datetime):
            wait = max(1, int((report - now).total_seconds()) + 1)
            raise TooMany(f"At most {REPORTS_A_DAY} reports a day; the next is welcome in {wait} s", wait)
        number, reported_at = report
        return Reported(id=number, question=place.id, subject=place.subject, text=message.text, reported_at=reported_at)

    # --- Inside ---------------------------------------------------------------------------------------------

    async def _password_matches(self, row: Record | None, password: str) -> bool:
        hashed: str | None = row["password_hash"] if row else None
        if not await self._passwords.matches(hashed, password):
            return False
        assert row is not None
        assert hashed is not None
        if self._passwords.outdated(hashed):
            await sql.set_password_hash(self._pool, row["id"], hashed, await self._passwords.hash(password))
        return True

    def _now(self) -> datetime:
        return _datetime(self._clock())

    def _profile(self, row: Record) -> Profile:
        seen = self._seen.get(row["id"])
        fields = {name: row[name] for name in Profile.model_fields}
        if seen is not None:
            fields["last_seen_at"] = _datetime(seen)
        return Profile(**fields)

    def _question_id(self, number: int) -> str:
        try:
            return self._bank.place(number).id
        except KeyError:  # a bank restored from an older copy
            return f"#{number}"

    def _with_question_id(self, row: Record) -> dict[str, JsonValue]:
        return _plain(row) | {"question": self._question_id(row["question"])}

    def _favorites(self, user: int, journal: Iterable[Record]) -> Iterable[dict[str, JsonValue]]:
        since: dict[int, dict[int, datetime]] = defaultdict(dict)  # of the user, and of who became part of them
        for row in journal:
            own = since[row["user_id"]]
            data: dict[str, Any] = row["data"]  # an event as JSON
            if data.get("type") == "joined":
                for number, at in since[data["source"]].items():
                    own[number] = min(at, own.get(number, at))
            if data.get("type") != "favorite":
                continue
            if data["favorite"]:
                own.setdefault(data["question"], _datetime(data["at"]))
            else:
                own.pop(data["question"], None)
        for number, at in since[user].items():
            yield {"question": self._question_id(number), "since": at.isoformat()}


_ADD_USER = TypeAdapter(tuple[Login, Password, PersonName])
_PASSWORD: TypeAdapter[str] = TypeAdapter(Password)


async def add_user(
    pool: Pool, passwords: Passwords, *, login: str, password: str, name: str, role: Role, now: datetime
) -> int:
    """A user added from the command line; returns the id. Raises Invalid, or Conflict when the login is
    taken.
    """
    try:
        login, password, name = _ADD_USER.validate_python((login, password, name))
    except ValidationError as error:
        fields = ("login", "password", "name")
        errors = tuple(FieldError(path=fields[int(e["loc"][0])], message=e["msg"]) for e in error.errors())
        raise Invalid(
            "; ".join(f"{e.path}: {e.message}" for e in errors), errors
        ) from None  # the password stands in the original
    _refuse_login_as_password(login, password)
    language: Language = "ru"
    try:
        row = await sql.add_user(
            pool,
            login=login,
            password_hash=await passwords.hash(password),
            name=name,
            language=language,
            grade=None,
            role=role,
            now=now,
        )
    except sql.LoginTaken:
        raise _taken(login) from None
    user: int = row["id"]
    return user


async def set_password(pool: Pool, passwords: Passwords, login: str, password: str) -> bool:
    """A password set from the command line; False where nobody has the login. Raises Invalid."""
    try:
        password = _PASSWORD.validate_python(password)
    except ValidationError as error:
        errors = (FieldError(path="password", message=error.errors()[0]["msg"]),)
        raise Invalid(f"password: {errors[0].message}", errors) from None  # it stands in the original
    _refuse_login_as_password(login, password)
    row = await sql.user_by_login(pool, login.lower())
    return row is not None and await sql.replace_password(pool, row["id"], await passwords.hash(password)) is not None


def _refuse_login_as_password(login: str, password: str) -> None:
    if password.casefold() == login.casefold():
        message = "the password must not be the login"
        raise Invalid(message, (FieldError(path="password", message=message),))


def _taken(login: str) -> Conflict:
    return Conflict(f"The login {login!r} is taken: choose another")


def _gone() -> NotFound:
    return NotFound("There is no such user any more")


def _known(row: Record) -> KnownUser:
    caller = Caller(user=row["id"], role=row["role"], language=row["language"])
    return KnownUser(caller, row["name"], row["grade"], row["notifications"], row["blocked"])


def digest(token: str) -> bytes:
    """What is kept of a token or a code, so that what leaks from there opens nothing."""
    # A header may carry bytes that are no text; they arrive as lone surrogates.
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _network(address: str) -> str:
    """What one guesser commands: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.IPv6Network((ip, 64), strict=False))
    return str(ip)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _datetime(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _plain(row: Record) -> dict[str, JsonValue]:
    plain: dict[str, JsonValue] = orjson.loads(orjson.dumps(dict(row)))
    return plain


def _unscored(answer: dict[str, JsonValue], trainings: Container[JsonValue]) -> dict[str, JsonValue]:
    """The same, its score None if it belongs to one of these trainings."""
    if "score" in answer and answer["training"] in trainings:
        return answer | {"score": None}
    return answer
