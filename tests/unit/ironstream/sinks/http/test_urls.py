from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.errors import ConfigurationError
from ironstream.sinks.http.config import HttpConfig
from ironstream.sinks.http.urls import Rules, target_of, url_fault

PUBLIC = Rules()
PLAIN = Rules(allow_http=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1/ingest?a=b",
        "https://api.example.com.:8443/",
        "https://API.Example.com",
        "https://8.8.8.8/x",
        "https://[2606:4700::1111]:8443/x",
        "https://bücher.example/",
        "https://_dmarc.my-host1/",
        "https://3com.example/",
    ],
)
def test_ordinary_urls_are_taken(url: str) -> None:
    assert url_fault(url, PUBLIC) is None


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://api.example.com/", "not https"),
        ("ftp://api.example.com/", "neither"),
        ("file:///etc/passwd", "neither"),
        ("gopher://x/", "neither"),
        ("api.example.com/x", "neither"),
        ("//api.example.com/x", "neither"),
        ("https:///x", "no valid host"),
        ("https://user:pw@api.example.com/", "user or password"),
        ("https://user@api.example.com/", "user or password"),
        ("https://:@api.example.com/", "user or password"),
        ("https://api.example.com#@127.0.0.1/", "fragment"),
        ("https://api.example.com\\@127.0.0.1/", "backslash"),
        ("https://api.example.com /", "blank"),
        ("https://api.exa\tmple.com/", "blank"),
        ("https://api.example.com/\r\nHost: x", "blank"),
        ("https://api.example.com:0/", "port 0"),
        ("https://api.example.com:99999/", "no URL"),
        ("https://[::1/", "no URL"),
        ("https://a..b/", "no valid host"),
        ("https://-a.b/", "no valid host"),
        ("https://%31%32%37.0.0.1/", "%"),
        ("https://[fe80::1%25eth0]/", "%"),
    ],
)
def test_a_url_that_is_none_or_hides_something_is_refused(url: str, fault: str) -> None:
    assert fault in (url_fault(url, PUBLIC) or "")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "017700000001",
        "0177.0.0.1",
        "0x7f000001",
        "0x7f.0.0.1",
        "0X7F.1",
        "127.0.0.0x1",
        "127.0.0.1.",
        "2130706433.",
        "0",
        "0x",
        "00000177.1",
        "127。0。0。1",
        "１２７.0.0.1",
        "①②⑦.⓪.⓪.①",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:0001]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "[::ffff:a9fe:a9fe]",
        "foo.0x7f",
        "foo.1",
    ],
)
def test_every_spelling_of_an_address_that_is_not_public_is_refused(host: str) -> None:
    assert url_fault(f"http://{host}/", PLAIN) is not None


@given(
    st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4),
    st.lists(st.sampled_from(["{}", "0{:o}", "0x{:x}", "0X{:X}", "00{}"]), min_size=4, max_size=4),
    st.sampled_from(["", "."]),
)
def test_a_numeric_host_is_taken_only_as_four_plain_numbers_of_a_public_address(
    numbers: list[int], styles: list[str], end: str
) -> None:
    host = ".".join(style.format(number) for style, number in zip(styles, numbers, strict=False)) + end
    if url_fault(f"http://{host}/", PLAIN) is None:
        assert str(ip_address(host)) == host
        assert ip_address(host).is_global


@given(st.text(max_size=60))
def test_no_text_makes_it_fail_otherwise_than_by_saying_what_is_wrong(text: str) -> None:
    for url in (text, f"https://{text}", f"https://host/{text}"):
        fault = url_fault(url, PUBLIC)
        if fault is None:
            assert target_of(url, PUBLIC).url.scheme == "https"


def test_an_address_is_reached_where_its_network_or_host_is_allowed() -> None:
    by_network = Rules(allow_http=True, networks=(ip_network("127.0.0.0/8"),))
    assert url_fault("http://127.0.0.1:8080/x", by_network) is None
    assert url_fault("http://10.0.0.1/x", by_network) is not None
    assert url_fault("http://10.0.0.1/x", Rules(allow_http=True, hosts=frozenset({"10.0.0.1"}))) is None


def test_a_host_is_allowed_in_whatever_spelling() -> None:
    fields = {"allow_hosts": ["Bücher.Example.", "[0:0::1]", "10.0.0.1"], "allow_http": True}
    rules = HttpConfig.model_validate(fields).rules
    assert rules.hosts == {"xn--bcher-kva.example", "::1", "10.0.0.1"}
    for url in ("https://bücher.example/", "http://[::1]:80/", "http://[::0:1]/", "http://10.0.0.1/"):
        assert url_fault(url, rules) is None
    assert target_of("https://bücher.example/", rules).host == "xn--bcher-kva.example"


def test_only_the_origin_is_shown_of_a_target_and_nothing_of_a_refused_url() -> None:
    target = target_of("https://hooks.example.com/T0/secret?token=hidden", PUBLIC)
    assert target.origin == "https://hooks.example.com:443"
    with pytest.raises(ConfigurationError) as caught:
        target_of("https://user:hidden@hooks.example.com/secret", PUBLIC)
    assert "hidden" not in str(caught.value)
    assert "secret" not in str(caught.value)
