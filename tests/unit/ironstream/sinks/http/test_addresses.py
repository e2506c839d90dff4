from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.sinks.http.addresses import why_refused

PUBLIC = ("8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.1", "192.167.255.255",
          "2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8")  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_reached(text: str) -> None:
    assert why_refused(ip_address(text)) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("fc00::1", "private"),
        ("fdff::1", "private"),
        ("fec0::1", "private"),
        ("169.254.169.254", "link-local"),
        ("fe80::1", "link-local"),
        ("100.64.0.1", "carrier-grade NAT"),
        ("100.127.255.255", "carrier-grade NAT"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("ff02::1", "multicast"),
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("::", "unspecified"),
        ("255.255.255.255", "reserved"),
        ("240.0.0.1", "reserved"),
        ("198.18.0.1", "benchmarking"),
        ("192.0.2.1", "documentation"),
        ("2001:db8::1", "documentation"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:169.254.169.254", "link-local"),
        ("64:ff9b::127.0.0.1", "loopback"),
        ("64:ff9b::10.0.0.1", "private"),
        ("64:ff9b:1::10.0.0.1", "no global unicast address"),
        ("::127.0.0.1", "no global unicast address"),
        ("2002:7f00:1::", "a 6to4 or Teredo tunnel"),
        ("2001:0:53aa:64c::1", "a 6to4 or Teredo tunnel"),
        ("4000::1", "no global unicast address"),
    ],
)
def test_what_is_not_public_is_refused_by_its_name(text: str, what: str) -> None:
    assert why_refused(ip_address(text)) == what


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_refused_whenever_python_calls_it_not_global(address: IPv4Address) -> None:
    if not address.is_global or address.is_multicast:
        assert why_refused(address) is not None


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_is_refused_whenever_python_calls_it_not_global(address: IPv6Address) -> None:
    if (not address.is_global or address.is_multicast) and address not in ip_network("64:ff9b::/96"):
        assert why_refused(address) is not None


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "64:ff9b::"]))
def test_an_address_inside_another_counts_as_itself(address: IPv4Address, prefix: str) -> None:
    assert why_refused(IPv6Address(int(IPv6Address(prefix)) | int(address))) == why_refused(address)


def test_an_allowed_network_is_reached_also_through_mapped_addresses() -> None:
    allowed = [ip_network("127.0.0.0/8"), ip_network("fd00::/8")]
    for text in ("127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "fd00::5"):
        assert why_refused(ip_address(text), allowed) is None
    assert why_refused(ip_address("10.0.0.1"), allowed) == "private"
    assert why_refused(ip_address("::1"), allowed) == "loopback"
