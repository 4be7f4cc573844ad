"""The configuration: what is read from where, and what a mistake is answered with."""

import re
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from settings import DEFAULT_FILE, ConfigurationError, Settings, load


def _load(folder: Path, text: str = "", **environment: str) -> Settings:
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, environment)


def _fault(folder: Path, text: str = "", **environment: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        _load(folder, text, **environment)
    return str(caught.value)


def test_the_file_that_comes_along_says_the_defaults(tmp_path: Path) -> None:
    shipped, empty = load(DEFAULT_FILE, {}), _load(tmp_path)
    assert shipped.model_copy(update={"storage": empty.storage}) == empty


def test_the_file_that_comes_along_names_every_key() -> None:
    text = DEFAULT_FILE.read_text(encoding="utf-8")
    for section, field in Settings.model_fields.items():
        assert f"[{section}]" in text
        for key in type(field.default).model_fields:
            assert re.search(rf"^(# ?)?{key} = ", text, re.MULTILINE), f"[{section}] {key}"


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    settings = _load(tmp_path, "[http]\nport = 1\nhost = 'a'", APO_HTTP__PORT="2")
    assert (settings.http.host, settings.http.port) == ("a", 2)


def test_a_data_folder_is_relative_to_the_file(tmp_path: Path) -> None:
    assert _load(tmp_path, "[storage]\npath = 'kept'").storage.path == tmp_path / "kept"
    assert _load(tmp_path, APO_STORAGE__PATH="/srv/apo").storage.path == Path("/srv/apo")


def test_a_data_center_is_a_table_or_variables(tmp_path: Path) -> None:
    table = "[telegram]\ndata_center = {id = 2, host = 'tg', port = 443, public_key_file = 'key.pem'}"
    center = _load(tmp_path, table).telegram.data_center
    variables = {"ID": "2", "HOST": "tg", "PORT": "443", "PUBLIC_KEY_FILE": "key.pem"}
    said = {f"APO_TELEGRAM__DATA_CENTER__{name}": value for name, value in variables.items()}
    assert center is not None
    assert center.public_key_file == tmp_path / "key.pem"
    assert _load(tmp_path, **said).telegram.data_center == center


def test_a_list_is_a_list_or_a_variable_with_commas(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[http]\ntrusted_proxies = ["10.0.0.0/8"]\n', encoding="utf-8")
    assert [str(network) for network in load(file, {}).http.trusted_proxies] == ["10.0.0.0/8"]
    variable = {"APO_HTTP__TRUSTED_PROXIES": "10.1.0.0/16, fd00::/8"}
    assert [str(network) for network in load(file, variable).http.trusted_proxies] == ["10.1.0.0/16", "fd00::/8"]


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    assert _load(tmp_path, "\ufeff[http]\nport = 5").http.port == 5


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[http]\nprot = 80", ["[http] prot", "did you mean port?", "host, port"]),
        ("[htpp]\nport = 80", ["[htpp]", "section", "did you mean http?", "storage"]),
        ("[http]\nport = 99999", ["[http] port", "65535", "99999"]),
        ("[http]\nport = 'eighty'", ["[http] port", "integer", "eighty"]),
        ("[log]\nlevel = 'loud'", ["[log] level", "'debug', 'info', 'warning' or 'error'", "loud"]),
        ("[sessions]\nidle_minutes = nan", ["[sessions] idle_minutes", "less than or equal to 10080", "nan"]),
        ("http = 80", ["[http]", "section", "host, port"]),
        (
            "[telegram.data_center]\nid = 2\nhost = 'x'\nport = 1",
            ["[telegram.data_center] public_key_file", "missing"],
        ),
        ("[telegram.data_center]\nid = 9", ["[telegram.data_center] id", "less than or equal to 5"]),
        ("[http\nport = 1", ["not TOML", "line 1"]),
        (
            "[postgres]\nurl = 'mysql://u@h/d'",
            ["[postgres]", "postgresql://user:password@host:port/database"],
        ),
    ],
)
def test_a_fault_of_the_file_is_named_with_what_is_allowed(tmp_path: Path, text: str, named: list[str]) -> None:
    fault = _fault(tmp_path, text)
    assert str(tmp_path / "config.toml") in fault
    for part in named:
        assert part in fault


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("APO_HTTP_PORT", "80", "did you mean APO_HTTP__PORT?"),
        ("APO_HTTP__PROT", "80", "did you mean port?"),
        ("APO_HTPP__PORT", "80", "did you mean http?"),
        ("APO_HTTP__PORT", "eighty", "integer"),
        ("APO_HTTP__PORT__X", "1", "integer"),
        ("APO_MONGO__URL", "localhost:27017", "mongodb://"),
        ("APO_HTTP__TRUSTED_PROXIES", "10.0.0.1/8", "IPv4 network, not '10.0.0.1/8'"),
    ],
)
def test_a_fault_of_a_variable_names_the_variable(tmp_path: Path, variable: str, value: str, named: str) -> None:
    fault = _fault(tmp_path, **{variable: value})
    assert variable in fault
    assert named in fault
    assert "config.toml" not in fault


def test_a_variable_cannot_open_a_section_where_the_file_has_a_value(tmp_path: Path) -> None:
    fault = _fault(tmp_path, "[http]\nport = 1", APO_HTTP__PORT__X="1")
    assert "APO_HTTP__PORT__X" in fault


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    fault = _fault(tmp_path, "[http]\nport = -1\n[log]\nformat = 'xml'")
    assert "port" in fault
    assert "format" in fault


@pytest.mark.parametrize(
    "text",
    [
        "postgres = 'postgresql://u:hush-4711@h/d'",
        "[postgres]\nurl = 'postgresql://u:hush-4711:x@h:p/d'",
        "[postgres]\nurl = 'postgresql://u:hush/4711@h/d'",
        "[postgres]\nurl = 'postgres//u:hush-4711@h/d'",
        "[postgres]\nurl = ['postgresql://u:hush-4711@h/d']",
        "[mongo]\nurl = 'mongodb://u:hush#4711@h/d'",
        "[mongo]\nurl = 'mongodb://u:[hush-4711@h/d'",
        "[clickhouse]\nurl = {password = 'hush-4711'}",
        "[telegram]\napi_hash = {a = 'hush-4711'}",
        "[telegram]\nbot_token = 4711",
        "[telegram]\nbot_token = hush-4711",
        "[telegram]\ndata_center = 'hush-4711'",
    ],
)
def test_no_fault_tells_a_secret(tmp_path: Path, text: str) -> None:
    fault = _fault(tmp_path, text)
    assert "hush" not in fault
    assert "4711" not in fault


def test_settings_do_not_tell_secrets_when_printed(tmp_path: Path) -> None:
    settings = _load(tmp_path, APO_POSTGRES__URL="postgresql://u:hush@db:5432/d", APO_TELEGRAM__BOT_TOKEN="1:hush")
    assert "hush" not in repr(settings) + str(settings)
    assert settings.postgres.place == "db:5432/d"


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml: No such file"):
        load(tmp_path / "nowhere.toml", {})
    with pytest.raises(ConfigurationError, match="Is a directory"):
        load(tmp_path, {})
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load(broken, {})


def test_quiet_hours_are_two_times(tmp_path: Path) -> None:
    hours = _load(tmp_path, "[broadcast]\nquiet_from = '22:00'\nquiet_until = '08:30'").broadcast
    assert (hours.quiet_from, hours.quiet_until) == (time(22), time(8, 30))
    assert _load(tmp_path, APO_BROADCAST__QUIET_FROM="").broadcast.quiet_from is None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("quiet_from = '25:00'\nquiet_until = '08:00'", "from 00:00 to 23:59"),
        ("quiet_from = 22\nquiet_until = '08:00'", "from 00:00 to 23:59"),
        ("quiet_from = '22:00'", "both, or none"),
        ("quiet_from = '22:00'\nquiet_until = '22:00'", "nothing would ever be sent"),
    ],
)
def test_quiet_hours_that_cannot_be_are_refused(tmp_path: Path, lines: str, said: str) -> None:
    fault = _fault(tmp_path, f"[broadcast]\n{lines}")
    assert said in fault
    assert "[broadcast]" in fault


def test_times_are_told_in_a_zone(tmp_path: Path) -> None:
    assert _load(tmp_path).time.zone == ZoneInfo("Europe/Moscow")
    assert _load(tmp_path, APO_TIME__ZONE="Asia/Vladivostok").time.zone == ZoneInfo("Asia/Vladivostok")


@pytest.mark.parametrize("zone", ["'Europe/Atlantis'", "'../etc/passwd'", "'Europe'", "''", "3"])
def test_a_zone_that_is_none_is_refused(tmp_path: Path, zone: str) -> None:
    fault = _fault(tmp_path, f"[time]\nzone = {zone}")
    assert "[time] zone: " in fault
    assert zone in fault
