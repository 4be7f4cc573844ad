"""The configuration: `config.toml`, overridden by the environment as `APO_SECTION__KEY`."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import time
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

PREFIX = "APO_"
DEFAULT_FILE = Path(__file__).with_name("config.toml")


class ConfigurationError(Exception):
    """What is wrong with the configuration, one line a fault: where it stands, its value, what is allowed."""


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _listed(value: object) -> object:
    """A list, which the environment gives with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class Http(Section):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_listed)] = ()


class Storage(Section):
    path: Path = Path("data")


class Server(Section):
    """A database server; `url` holds its password and is told to nobody but its driver."""

    schemes: ClassVar[tuple[str, ...]]
    url: SecretStr = SecretStr("")

    @property
    def place(self) -> str:
        """Host, port and database of the URL, or an empty string for the embedded engine."""
        parts = urlsplit(self.url.get_secret_value())
        return parts.netloc.rpartition("@")[2] + parts.path

    @model_validator(mode="after")
    def _readable(self) -> Server:
        # Checked here because drivers quote what they cannot read, and that may be a part of the password.
        url = self.url.get_secret_value()
        if url:
            try:
                parts = urlsplit(url)
                known = parts.scheme in self.schemes
                if "," not in parts.netloc:  # several members of a replica set
                    _ = parts.port
            except ValueError:
                known = False
            if not known or "#" in url:
                forms = " or ".join(f"{scheme}://user:password@host:port/database" for scheme in self.schemes)
                raise ValueError(f"url must be {forms}; in a password write / : @ ? # % as %2F %3A %40 %3F %23 %25")
        return self


class Postgres(Server):
    schemes = ("postgresql", "postgres")


class Mongo(Server):
    schemes = ("mongodb", "mongodb+srv")


class ClickHouse(Server):
    schemes = ("clickhouse", "clickhouses")
    keep_activity_months: Annotated[int, Field(ge=0, le=1200)] = 0
    keep_log_days: Annotated[int, Field(ge=0, le=36_500)] = 30


class DemoBank(Section):
    demo: bool = True


class Sessions(Section):
    idle_minutes: Annotated[float, Field(gt=0, le=10_080)] = 30.0
    mailbox: Annotated[int, Field(ge=1, le=100_000)] = 64


class DataCenter(Section):
    id: Annotated[int, Field(ge=1, le=5)]
    host: str
    port: Annotated[int, Field(ge=1, le=65535)]
    public_key_file: Path


class Telegram(Section):
    api_id: Annotated[int, Field(ge=0)] = 0
    api_hash: SecretStr = SecretStr("")
    bot_token: SecretStr = SecretStr("")
    data_center: DataCenter | None = None


def _known_zone(value: object) -> object:
    try:
        return ZoneInfo(value) if isinstance(value, str) else value
    except (LookupError, ValueError, OSError):
        raise ValueError(f"{value!r} is not a time zone of the IANA's, as Europe/Moscow is") from None


class Time(Section):
    zone: Annotated[ZoneInfo, BeforeValidator(_known_zone)] = ZoneInfo("Europe/Moscow")


def _clock_time(value: object) -> object:
    """A time as clocks show it; empty: none."""
    if value == "":
        return None
    if not isinstance(value, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise ValueError("must be a time from 00:00 to 23:59, or empty")
    return time.fromisoformat(value)


class Broadcast(Section):
    messages_per_second: Annotated[float, Field(gt=0, le=10_000)] = 25.0
    quiet_from: Annotated[time | None, BeforeValidator(_clock_time)] = None
    quiet_until: Annotated[time | None, BeforeValidator(_clock_time)] = None

    @model_validator(mode="after")
    def _quiet_has_two_ends(self) -> Broadcast:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("quiet_from and quiet_until are given both, or none of them")
        if self.quiet_from is not None and self.quiet_from == self.quiet_until:
            raise ValueError("quiet_from and quiet_until are the same: nothing would ever be sent")
        return self


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(Section):
    http: Http = Http()
    storage: Storage = Storage()
    postgres: Postgres = Postgres()
    mongo: Mongo = Mongo()
    clickhouse: ClickHouse = ClickHouse()
    bank: DemoBank = DemoBank()
    time: Time = Time()
    sessions: Sessions = Sessions()
    telegram: Telegram = Telegram()
    broadcast: Broadcast = Broadcast()
    log: Log = Log()


def load(file: Path = DEFAULT_FILE, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of `file` and the environment; a relative `[storage] path` is beside the file.

    Raises:
        ConfigurationError: an unknown key, a wrong value, or a file that cannot be read.
    """
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file}: is not text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file}: is not TOML: {error}") from None
    sources = {}
    for variable, path, value in _overrides(environment):
        sources[path] = variable
        _set(values, path, value, variable)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise ConfigurationError("\n".join(_fault(detail, file, sources) for detail in details)) from None
    return _beside(file, settings)


def _beside(file: Path, settings: Settings) -> Settings:
    folder = file.resolve().parent
    update: dict[str, Section] = {"storage": Storage(path=folder / settings.storage.path.expanduser())}
    center = settings.telegram.data_center
    if center is not None:
        center = center.model_copy(update={"public_key_file": folder / center.public_key_file.expanduser()})
        update["telegram"] = settings.telegram.model_copy(update={"data_center": center})
    return settings.model_copy(update=update)


def _overrides(environment: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    for variable, value in sorted(environment.items()):
        if variable.startswith(PREFIX):
            path = tuple(variable.removeprefix(PREFIX).lower().split("__"))
            if len(path) < 2:
                near = _near(variable, _variables())
                raise ConfigurationError(f"{variable}: is not of the form {PREFIX}SECTION__KEY{near}")
            yield variable, path, value


def _set(values: dict[str, Any], path: tuple[str, ...], value: str, variable: str) -> None:
    section = values
    for name in path[:-1]:
        section = section.setdefault(name, {})
        if not isinstance(section, dict):
            raise ConfigurationError(f"{variable}: {name!r} is not a section")
    section[path[-1]] = value


def _fault(detail: ErrorDetails, file: Path, sources: Mapping[tuple[str, ...], str]) -> str:
    path = _key(tuple(str(part) for part in detail["loc"]))
    # An unknown or wrong section is the fault of the variable that made it.
    variables = [variable for source, variable in sources.items() if source[: len(path)] == path]
    where = " and ".join(variables) or f"{file}: [{'.'.join(path[:-1]) or path[0]}]"
    if not variables and len(path) > 1:
        where += f" {path[-1]}"
    match detail["type"]:
        case "extra_forbidden":
            known = list(_fields(path[:-1]))
            what = ("key" if len(path) > 1 else "section") + _near(path[-1], known)
            return f"{where}: there is no such {what}; known here are {', '.join(known)}"
        case "missing":
            return f"{where}: is missing"
        case "value_error":
            return f"{where}: {detail['msg'].removeprefix('Value error, ')}"
        case "model_type" | "model_attributes_type":
            return f"{where}: must be a section of its own, with the keys {', '.join(_fields(path))}"
    sentence = detail["msg"].replace("Input should be", "must be", 1)
    if _fields(path[:-1])[path[-1]] == SecretStr:
        return f"{where}: {sentence}"
    return f"{where}: {sentence}, not {detail['input']!r}"


def _key(place: tuple[str, ...]) -> tuple[str, ...]:
    """The key that a place belongs to, without what is inside its list."""
    for length in range(1, len(place)):
        if not _fields(place[:length]):
            return place[:length]
    return place


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


def _fields(path: tuple[str, ...]) -> dict[str, Any]:
    """The names in a section and the types of their values, which may be any; none where no section is."""
    model: type[BaseModel] = Settings
    for name in path:
        field = model.model_fields.get(name)
        annotation: Any = field.annotation if field is not None else None
        inner = get_args(annotation)[0] if isinstance(annotation, UnionType) else annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return {}
        model = inner
    return {name: field.annotation for name, field in model.model_fields.items()}


def _variables() -> list[str]:
    return [f"{PREFIX}{name}__{key}".upper() for name in Settings.model_fields for key in _fields((name,))]
