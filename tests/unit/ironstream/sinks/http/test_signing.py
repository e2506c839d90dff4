import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from ironstream.sinks.http.signing import idempotency_key, signature


def test_a_signature_is_made_of_time_and_body_with_each_key() -> None:
    made = signature([b"old-key", b"new-key"], 1_700_000_000, b'{"a":1}')
    wanted = [hmac.new(key, b'1700000000.{"a":1}', hashlib.sha256).hexdigest() for key in (b"old-key", b"new-key")]
    assert made == f"t=1700000000,v1={wanted[0]},v1={wanted[1]}"


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_only_the_same_ids_in_the_same_order_have_the_same_key(one: list[str], other: list[str]) -> None:
    assert (idempotency_key("t", one) == idempotency_key("t", other)) == (one == other)
    assert idempotency_key("t", one) != idempotency_key("u", one)
