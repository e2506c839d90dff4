import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ironstream.sinks.http
from ironstream.sinks.http.signing import idempotency_key, signature


def test_a_signature_is_made_of_time_and_body_with_each_key() -> None:
    made = signature([b"old-key", b"new-key"], 1_700_000_000, b'{"a":1}')
    wanted = [hmac.new(key, b'1700000000.{"a":1}', hashlib.sha256).hexdigest() for key in (b"old-key", b"new-key")]
    assert made == f"t=1700000000,v1={wanted[0]},v1={wanted[1]}"


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_only_the_same_ids_in_the_same_order_have_the_same_key(one: list[str], other: list[str]) -> None:
    assert (idempotency_key("t", one) == idempotency_key("t", other)) == (one == other)
    assert idempotency_key("t", one) != idempotency_key("u", one)


@pytest.fixture
def is_genuine() -> Any:
    """The check that receivers are given to copy."""
    text = (Path(ironstream.sinks.http.__file__).parent / "README.md").read_text()
    code = text.partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(code, names)
    return names["is_genuine"]


def test_the_check_in_the_readme_takes_our_signatures_and_no_others(is_genuine: Any) -> None:
    header = signature([b"old-key", b"new-key"], 1_700_000_000, b"body")
    for key in (b"old-key", b"new-key"):
        assert is_genuine(header, b"body", key, now_s=1_700_000_299)
    assert not is_genuine(header, b"body", b"other", now_s=1_700_000_000)
    assert not is_genuine(header, b"Body", b"old-key", now_s=1_700_000_000)
    assert not is_genuine(header, b"body", b"old-key", now_s=1_700_000_301)
    assert not is_genuine(header.replace("t=17", "t=18"), b"body", b"old-key", now_s=1_800_000_000)
    for odd in ("", "t=", "v1=", "t=x,v1=y", "t=1700000000"):
        assert not is_genuine(odd, b"body", b"old-key", now_s=1_700_000_000)
