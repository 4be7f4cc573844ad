"""Logs: readable or JSON, from everywhere, and without secrets."""

import json
import logging
import warnings
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr

import logs
from settings import Log

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def _configured(capsys: Captured, level: str = "info", format: str = "json") -> structlog.stdlib.BoundLogger:
    logs.configure(Log.model_validate({"level": level, "format": format}))
    logger: structlog.stdlib.BoundLogger = structlog.get_logger()
    return logger


def _only_line(capsys: Captured) -> dict[str, object]:
    (line,) = capsys.readouterr().err.splitlines()
    said: dict[str, object] = json.loads(line)
    return said


def test_a_console_line_tells_level_event_and_values(capsys: Captured) -> None:
    _configured(capsys, format="console").info("a training has begun", user=7, subject="биология")
    (line,) = capsys.readouterr().err.splitlines()
    assert "info" in line
    assert "a training has begun" in line
    assert "user=7" in line
    assert "биология" in line


def test_json_has_one_object_a_line_with_time_level_and_letters_as_they_are(capsys: Captured) -> None:
    _configured(capsys).warning("тест", user=7)
    line = capsys.readouterr().err
    assert "тест" in line
    said = json.loads(line)
    assert (said["event"], said["level"], said["user"]) == ("тест", "warning", 7)
    assert said["timestamp"].endswith("Z")


@pytest.mark.parametrize("format", ["json", "console"])
def test_the_standard_library_goes_the_same_way(capsys: Captured, format: str) -> None:
    _configured(capsys, format=format)
    logging.getLogger("some.library").warning("disk %s is %d%% full", "sda", 91)
    (line,) = capsys.readouterr().err.splitlines()
    assert "disk sda is 91% full" in line
    assert "warning" in line


def test_what_a_library_says_is_a_text_whatever_it_is_made_of(capsys: Captured) -> None:
    _configured(capsys)
    logging.getLogger("some.library").warning({"disk": "sda"})
    assert _only_line(capsys)["event"] == "{'disk': 'sda'}"


def test_warnings_are_logged(capsys: Captured) -> None:
    _configured(capsys)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("soon gone", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(False)
    assert "soon gone" in str(_only_line(capsys)["event"])


def test_an_exception_is_one_line_of_json(capsys: Captured) -> None:
    logger = _configured(capsys)
    try:
        raise LookupError("lost")
    except LookupError:
        logger.exception("failed")
    assert "LookupError: lost" in str(_only_line(capsys)["exception"])


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_traceback_does_not_show_local_variables(capsys: Captured, format: str) -> None:
    logger = _configured(capsys, format=format)
    try:
        unlucky = "local-" + "value-4711"
        raise LookupError("lost")
    except LookupError:
        logger.exception("failed")
    said = capsys.readouterr().err
    assert "LookupError: lost" in said
    assert unlucky not in said


@pytest.mark.parametrize("format", ["json", "console"])
@pytest.mark.parametrize("name", ["password", "bot_token", "Authorization", "api_hash", "new_password", "Cookie"])
def test_values_with_secret_names_are_hidden(capsys: Captured, format: str, name: str) -> None:
    _configured(capsys, format=format).warning("told", **{name: "hush-4711", "inner": {name: "hush-4711"}})
    said = capsys.readouterr().err
    assert "told" in said
    assert "hush-4711" not in said


@pytest.mark.parametrize("format", ["json", "console"])
def test_secret_values_are_hidden_by_their_type(capsys: Captured, format: str) -> None:
    _configured(capsys, format=format).warning("told", url=SecretStr("hush-4711"), many=[SecretStr("hush-4711")])
    assert "hush-4711" not in capsys.readouterr().err


@pytest.mark.parametrize("format", ["json", "console"])
@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("no way to postgresql://apo:hush-4711@db:5432/apo", "postgresql://apo:…@db:5432/apo"),
        ("mongodb://apo:hush@4711@a,b/apo?replicaSet=x", "mongodb://apo:…@a,b/apo?replicaSet=x"),
        ("bot 123456789:AAhush-4711hush-4711hush-4711hush-4711", "bot 123456789:…"),
    ],
)
def test_secrets_are_hidden_by_their_form_wherever_they_stand(
    capsys: Captured, format: str, text: str, left: str
) -> None:
    logger = _configured(capsys, format=format)
    logging.getLogger("driver").warning(text)
    try:
        raise OSError(text)
    except OSError:
        logger.exception("failed", problem=text)
    said = capsys.readouterr().err
    assert left in said
    assert "4711" not in said


def test_what_is_below_the_level_is_not_said(capsys: Captured) -> None:
    logger = _configured(capsys, level="warning")
    logger.info("quiet")
    logging.getLogger("some.library").info("quiet too")
    logger.warning("loud")
    assert _only_line(capsys)["event"] == "loud"


@pytest.mark.parametrize("level", ["debug", "info"])
def test_libraries_are_quiet_below_warnings(capsys: Captured, level: str) -> None:
    _configured(capsys, level=level)
    logging.getLogger("pymongo.topology").info("chatter")
    logging.getLogger("asyncio").debug("chatter")
    logging.getLogger("pymongo.topology").warning("trouble")
    assert _only_line(capsys)["event"] == "trouble"


def test_libraries_are_no_louder_than_the_level(capsys: Captured) -> None:
    _configured(capsys, level="error")
    logging.getLogger("pykka").warning("chatter")
    assert capsys.readouterr().err == ""
