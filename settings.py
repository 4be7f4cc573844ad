"""The configuration: `config.toml`, overridden by the environment as `APO_SECTION__KEY`."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

PREFIX = "APO_"
SECRETS = ("url", "api_hash", "bot_token")
DEFAULT_FILE = Path(__file__).with_name("config.toml")


class ConfigurationError(Exception):
    """What is wrong with the configuration, one line a fault: where it stands, its value, what is allowed."""


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Http(Section):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080


class Storage(Section):
    path: Path = Path("data")


class Server(Section):
    url: SecretStr = SecretStr("")


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


class Broadcast(Section):
    messages_per_second: Annotated[float, Field(gt=0, le=30)] = 25.0


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(Section):
    http: Http = Http()
    storage: Storage = Storage()
    postgres: Server = Server()
    mongo: Server = Server()
    clickhouse: Server = Server()
    bank: DemoBank = DemoBank()
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
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: not TOML: {error}") from None
    sources = {}
    for variable, path, value in _overrides(environment):
        sources[path] = variable
        _set(values, path, value, variable)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError("\n".join(_faults(error, file, sources))) from None
    folder = file.resolve().parent / settings.storage.path
    return settings.model_copy(update={"storage": Storage(path=folder)})


def _overrides(environment: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    for variable, value in sorted(environment.items()):
        if variable.startswith(PREFIX):
            path = tuple(variable.removeprefix(PREFIX).lower().split("__"))
            if len(path) < 2:
                raise ConfigurationError(f"{variable}: not of the form {PREFIX}SECTION__KEY")
            yield variable, path, value


def _set(values: dict[str, object], path: tuple[str, ...], value: str, variable: str) -> None:
    section = values
    for name in path[:-1]:
        inner = section.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ConfigurationError(f"{variable}: {name!r} is no section")
        section = inner
    section[path[-1]] = value


def _faults(error: ValidationError, file: Path, sources: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    for fault in error.errors(include_url=False):
        path = tuple(str(part) for part in fault["loc"])
        where = sources.get(path, f"{file}: [{path[0]}] {'.'.join(path[1:])}".rstrip())
        if fault["type"] == "extra_forbidden":
            known = ", ".join(_known(path[:-1]))
            yield f"{where}: unknown; known here are {known}"
        else:
            value = "what it is" if path[-1] in SECRETS else repr(fault["input"])
            yield f"{where}: {fault['msg']}, not {value}"


def _known(path: tuple[str, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for name in path:
        annotation = model.model_fields[name].annotation
        model = DataCenter if annotation == DataCenter | None else annotation  # type: ignore[assignment]  # a Section
    return list(model.model_fields)
