"""Name resolution that gives out only addresses that may be reached, checked again when a socket is made.

aiohttp connects to exactly the addresses that its resolver gave it, so a name that leads elsewhere at its second
look-up (DNS rebinding) gains nothing. A literal address never passes a resolver: the socket's check covers it.
"""

from __future__ import annotations

import socket
from typing import Any

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from ironstream.sinks.http.urls import ALLOW, Rules, host_key, literal


class BlockedAddressError(OSError):
    """An address that a sink must not reach. The text names host, address and what it is."""


class Guard(AbstractResolver):
    """Resolves by `rules`. A host is refused if any of its addresses is."""

    def __init__(self, rules: Rules, resolver: AbstractResolver | None = None) -> None:
        self._rules = rules
        self._resolver = resolver
        self._by_name: dict[str, frozenset[str]] = {}
        """Addresses of hosts that are allowed by name."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses of the host. Raises BlockedAddressError, or OSError where the name has none."""
        if literal(host) is not None:
            self.check(host, host)
            kind = socket.AF_INET6 if ":" in host else socket.AF_INET
            return [ResolveResult(hostname=host, host=host, port=port, family=kind, proto=0, flags=0)]
        if self._resolver is None:
            self._resolver = ThreadedResolver()
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            self.check(host, one["host"])
        if host_key(host) in self._rules.hosts:
            self._by_name[host_key(host)] = frozenset(one["host"] for one in found)
        return found

    def check(self, host: str, text: str) -> None:
        """Raise BlockedAddressError where this address of the host may not be reached."""
        address = literal(text)
        refused = "an address with a zone" if address is None or "%" in text else self._rules.why_refused(host, address)
        if refused is not None:
            raise BlockedAddressError(f"{host} leads to {text} ({refused}): {ALLOW}")

    def make_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for an entry of getaddrinfo. Raises BlockedAddressError."""
        family, kind, protocol, _, place = info
        text = str(place[0])
        if not any(text in addresses for addresses in self._by_name.values()):
            self.check(text, text)
        return socket.socket(family=family, type=kind, proto=protocol)

    async def close(self) -> None:
        """Release the resolver."""
        if self._resolver is not None:
            await self._resolver.close()
