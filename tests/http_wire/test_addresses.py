"""Whose guesses are counted together: the address behind the proxies that are trusted, and no other."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from protocols.http.addresses import client_address

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.2", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.2", ["198.51.100.1, 10.0.0.3"], "198.51.100.1"),
        ("10.0.0.2", ["198.51.100.1", "10.0.0.3"], "198.51.100.1"),
        ("10.0.0.2", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("fd00::2", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.2", [], "10.0.0.2"),
        ("10.0.0.2", ["not an address"], "not an address"),
    ],
    ids=[
        "nobody between",
        "a stranger who says so",
        "one proxy",
        "two proxies",
        "two proxies, two headers",
        "what a stranger put before",
        "IPv6",
        "a proxy by itself",
        "nonsense is a name like another",
    ],
)
def test_the_nearest_address_that_is_no_trusted_proxy(remote: str, forwarded: list[str], address: str) -> None:
    assert client_address(remote, forwarded, PROXIES) == address


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert client_address("10.0.0.2", ["198.51.100.1"], []) == "10.0.0.2"
