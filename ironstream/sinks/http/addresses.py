"""Which IP addresses are no business of a sink: everything that is not a public unicast address. Pure.

After the IANA registries of special-purpose addresses for IPv4 and IPv6.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAMED: Final[dict[str, tuple[str, ...]]] = {
    "unspecified": ("0.0.0.0/8", "::/128"),
    "loopback": ("127.0.0.0/8", "::1/128"),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"),
    "link-local": ("169.254.0.0/16", "fe80::/10"),
    "carrier-grade NAT": ("100.64.0.0/10",),
    "multicast": ("224.0.0.0/4", "ff00::/8"),
    "documentation": (
        "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20",
    ),
    "benchmarking": ("198.18.0.0/15",),
    # a relay there leads to whatever IPv4 address is inside
    "a 6to4 or Teredo tunnel": ("192.88.99.0/24", "2002::/16", "2001::/32"),
    "reserved": ("192.0.0.0/24", "240.0.0.0/4", "2001::/23"),
}  # fmt: skip
_REFUSED: Final = [(name, ip_network(one)) for name, networks in _NAMED.items() for one in networks]
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")


def inner(address: Address) -> Address:
    """The IPv4 address that an IPv4-mapped or NAT64 address leads to, else the address itself."""
    if isinstance(address, IPv6Address) and (address in _MAPPED or address in _NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def why_refused(address: Address, allowed: Iterable[Network] = ()) -> str | None:
    """What the address is that it may not be reached; None for a public one and one in an allowed network."""
    target = inner(address)
    # `in` is False for a network of the other version
    if any(address in network or target in network for network in allowed):
        return None
    for name, network in _REFUSED:
        if target in network:
            return name
    if isinstance(target, IPv6Address) and target not in _GLOBAL_UNICAST:
        return "no global unicast address"
    return None
