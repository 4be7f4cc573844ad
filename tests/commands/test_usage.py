"""What is not understood ends with 2, a wrong configuration with 1; both before anything starts."""

from pathlib import Path

import pytest

from tests.commands.house import House


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["fly"], "invalid choice: 'fly'"),
        (["bank"], "ACTION"),
        (["bank", "eat", "file"], "invalid choice: 'eat'"),
        (["bank", "import"], "FILE"),
        (["bank", "import", "a.yaml", "b.yaml"], "b.yaml"),
        (["bank", "import", "a.yaml", "--subject", "Bad Slug"], "lower-case"),
        (["bank", "import", "a.yaml", "--format", "docx"], "gift"),
        (["bank", "validate", "a.yaml", "--partial"], "--partial"),
        (["user", "add"], "LOGIN"),
        (["user", "add", "someone", "--role", "king"], "editor"),
        (["user", "role", "someone", "king"], "editor"),
        (["export", "secrets", "a.xlsx"], "users"),
        (["export", "users", "a.csv"], ".xlsx"),
        (["check", "--confg", "x"], "--confg"),
    ],
)
def test_what_is_not_understood_is_usage(tmp_path: Path, arguments: list[str], named: str) -> None:
    house = House(tmp_path / "data")
    done = house.run(*arguments)
    assert (done.status, done.out) == (2, "")
    assert named in done.err
    assert not house.data.exists()


def test_help_names_every_command(tmp_path: Path) -> None:
    done = House(tmp_path / "data").run("--help")
    assert done.status == 0
    for command in ("serve", "bank", "user", "export", "check", "migrate"):
        assert command in done.out


@pytest.mark.parametrize("command", ["serve", "check", "migrate"])
def test_a_wrong_configuration_stops_every_command(tmp_path: Path, command: str) -> None:
    house = House(tmp_path / "data")
    done = house.run(command, APO_HTTP_PORT="80")
    assert (done.status, done.out) == (1, "")
    assert "APO_HTTP_PORT" in done.err
    assert "APO_HTTP__PORT" in done.err
    assert not house.data.exists()


def test_another_configuration_file_is_used_or_missed(tmp_path: Path) -> None:
    house = House(tmp_path / "data")
    missing = house.run("--config", tmp_path / "mine.toml", "check")
    assert (missing.status, missing.err) == (1, f"{tmp_path}/mine.toml: No such file or directory\n")
    (tmp_path / "mine.toml").write_text("[http]\nprot = 1")
    before = house.run("--config", tmp_path / "mine.toml", "check")
    behind = house.run("check", "--config", tmp_path / "mine.toml")
    assert before.status == 1
    assert "mine.toml: [http] prot" in before.err
    assert behind == before
