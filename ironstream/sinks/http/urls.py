"""What a URL of a target must be, before anything is resolved. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2s
from ipaddress import ip_address
from typing import Final

from yarl import URL

from ironstream.errors import ConfigurationError
from ironstream.gateway.secrets import references
from ironstream.sinks.http.addresses import Address, Network, why_refused

_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
# What a resolver may take for an address in decimal, octal or hexadecimal: its last part begins with a digit.
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:0[xX][0-9A-Fa-f]*|[0-9]+)\.?")
_BLANK: Final = re.compile(r"[\x00-\x20\x7f\\]")
ALLOW: Final = "name its host in allow_hosts or its network in allow_networks if it is meant"


@dataclass(frozen=True, slots=True)
class Rules:
    """What is reached beyond public addresses over https. Hosts are as `host_key` makes them."""

    allow_http: bool = False
    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def why_refused(self, host: str, address: Address) -> str | None:
        """Why an address, which is that of `host`, may not be reached; None where it may."""
        return None if host_key(host) in self.hosts else why_refused(address, self.networks)


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go. `origin` is what may be shown of it: path and query may hold a secret."""

    url: URL
    host: str
    port: int
    tls: bool
    origin: str


def host_key(host: str) -> str:
    """The same text for the spellings of a name: case and the dot at its end do not count."""
    return host.rstrip(".").lower()


def target_of(text: str, rules: Rules, field: str = "url") -> Target:
    """The target of a URL. Raises ConfigurationError, without the URL, which may hold a secret."""
    parsed, fault = _parsed(text, rules)
    if parsed is None:
        raise ConfigurationError(f"{field} {fault}", "give it as https://host/path, without user and password")
    return parsed


def url_fault(text: str, rules: Rules) -> str | None:
    """What is wrong with a URL, as the end of a sentence; None where nothing is."""
    return _parsed(text, rules)[1]


def place_of(text: str) -> str:
    """A URL to compare and to show: its origin and a digest of the rest, which may hold a secret.

    Secrets that are still references count by their names. Two spellings of one URL are alike; raises nothing.
    """
    names = references(text)
    for name in names:
        text = text.replace(f"${{secret:{name}}}", f"secret-{re.sub('[^A-Za-z0-9-]', '-', name)}")
    try:
        url = URL(text)
        host, port, rest = url.raw_host or "", url.port, url.raw_path_qs
    except ValueError:
        host, port, rest = "", None, text
    origin = f"{url.scheme}://{host_key(host)}:{port}" if host else "a URL"
    digest = blake2s(rest.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
    return f"{origin} (path {digest})"


def literal(host: str) -> Address | None:
    """The address where the host is one, not a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _parsed(text: str, rules: Rules) -> tuple[Target | None, str | None]:
    if _BLANK.search(text):
        return None, "holds a blank, a control character or a backslash"
    try:
        url = URL(text)
        host, port = url.raw_host or "", url.port
    except ValueError:
        return None, "is no URL"
    fault = _fault(url, host, port, rules)
    if fault is not None or port is None:
        return None, fault or "has no port"
    shown = f"[{host}]" if ":" in host else host
    return Target(url, host, port, url.scheme == "https", f"{url.scheme}://{shown}:{port}"), None


def _fault(url: URL, host: str, port: int | None, rules: Rules) -> str | None:
    if url.scheme not in ("https", "http"):
        return "is neither https nor http"
    if url.scheme == "http" and not rules.allow_http:
        return "is not https: set allow_http if what is sent may be read and changed on its way"
    if url.raw_user is not None or url.raw_password is not None:
        return "holds a user or password: give credentials in their own fields"
    if url.raw_fragment:
        return "has a fragment (#), which is never sent"
    if port == 0:
        return "has port 0"
    return _host_fault(host, rules)


def _host_fault(host: str, rules: Rules) -> str | None:
    if "%" in host:
        return "has a host with % in it"
    address = literal(host)
    if address is not None:
        refused = rules.why_refused(host, address)
        return None if refused is None else f"leads to {address} ({refused}): {ALLOW}"
    if _NUMERIC.fullmatch(host):
        return "has an address in an unusual spelling: write four decimal numbers, or an IPv6 address in brackets"
    if len(host) > 253 or not _NAME.fullmatch(host):
        return "has no valid host name"
    return None
