"""`user add`, `user role` and `user password`, beside a running service."""

import re

import pytest

from tests.commands.house import House


def _added(house: House, login: str, *more: str) -> str:
    """Adds a user; returns the password that was printed."""
    done = house.run("user", "add", login, *more)
    assert done.status == 0, done.said
    found = re.search(r"^password: (\S+)$", done.out, re.MULTILINE)
    assert found is not None
    return found[1]


def test_a_printed_password_opens_the_account_with_its_role(house: House) -> None:
    password = _added(house, "direktor", "--role", "admin", "--name", "Анна Петровна")
    me = house.ask("/me", token=house.token("direktor", password))
    assert (me["login"], me["role"], me["name"]) == ("direktor", "admin", "Анна Петровна")


def test_each_printed_password_is_another_and_long(house: House) -> None:
    first, second = _added(house, "first-one"), _added(house, "second-one")
    assert first != second
    assert len(first) >= 16


def test_a_given_password_is_read_from_stdin_and_never_printed(house: House) -> None:
    done = house.run("user", "add", "given", "--password-stdin", stdin="пароль-4711\n".encode())
    assert done.status == 0
    assert "4711" not in done.said
    assert house.token("given", "пароль-4711")


def test_a_login_that_is_taken_is_refused_in_any_capitals(house: House) -> None:
    _added(house, "taken")
    done = house.run("user", "add", "TAKEN")
    assert (done.status, done.out) == (1, "")
    assert "'TAKEN' is taken" in done.err


@pytest.mark.parametrize(
    ("login", "password", "named"),
    [
        ("ab", b"long enough", "login: must be 3 to 64 Latin letters"),
        ("иванова", b"long enough", "login: must be 3 to 64 Latin letters"),
        ("short-password", b"hush47", "password: must be 8 to 200 characters"),
        ("no-password", b"", "password: must be 8 to 200 characters"),
        ("same-as-login", b"same-as-login", "password: the password must not be the login"),
        ("broken-password", b"\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff", "UTF-8"),
    ],
)
def test_what_cannot_be_an_account_is_told_plainly(house: House, login: str, password: bytes, named: str) -> None:
    done = house.run("user", "add", login, "--password-stdin", stdin=password)
    assert done.status == 1
    assert named in done.err
    assert "hush47" not in done.said


def test_a_role_is_changed_and_the_delay_is_told(house: House) -> None:
    password = _added(house, "teacher")
    done = house.run("user", "role", "Teacher", "editor")
    assert done.status == 0
    assert "editor" in done.out
    assert "60 seconds" in done.out
    assert house.ask("/tokens", {"login": "teacher", "password": password})["user"]["role"] == "editor"


def test_a_role_of_nobody_is_refused_with_the_mend(house: House) -> None:
    done = house.run("user", "role", "nobody-here", "admin")
    assert done.status == 1
    assert "no user 'nobody-here'" in done.err
    assert "user add nobody-here" in done.err


def test_who_has_lost_the_password_gets_another_one(house: House) -> None:
    old = _added(house, "forgetful")
    done = house.run("user", "password", "Forgetful")
    assert done.status == 0, done.said
    found = re.search(r"^password: (\S+)$", done.out, re.MULTILINE)
    assert found is not None
    assert found[1] != old
    assert house.ask("/me", token=house.token("forgetful", found[1]))["login"] == "forgetful"


def test_a_password_for_nobody_is_told_with_the_mend(house: House) -> None:
    done = house.run("user", "password", "nobody-here")
    assert done.status == 1
    assert "there is no user 'nobody-here'; `user add nobody-here` opens an account" in done.err
