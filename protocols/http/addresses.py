"""Who a request comes from, when it may have come through proxies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from aiohttp import web

Network = IPv4Network | IPv6Network


def client_address(remote: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The nearest address that is no trusted proxy, from the socket backwards through `X-Forwarded-For`.

    Each proxy appends whom it spoke to, so only what trusted ones wrote is believed; the rest anybody can write.
    """
    address = remote or ""
    hops = [hop.strip() for header in forwarded for hop in header.split(",")]
    while hops and _is_within(address, trusted):
        address = hops.pop()
    return address


def addresses(trusted: Sequence[Network]) -> Callable[[web.Request], str]:
    """What tells the address of a request behind these proxies."""

    def address_of(request: web.Request) -> str:
        return client_address(request.remote, request.headers.getall("X-Forwarded-For", ()), trusted)

    return address_of


def _is_within(address: str, networks: Sequence[Network]) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in networks)
