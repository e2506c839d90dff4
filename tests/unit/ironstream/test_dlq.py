import pytest

from ironstream.dlq import dlq_headers
from tests.support.engine import record


def test_a_dead_letter_keeps_its_headers_and_says_why_and_where_from() -> None:
    refused = record(7, b"k", b"{", 1_736_510_463_123, headers=[("trace", b"x"), ("dlq-reason", b"older")])
    headers = dlq_headers(refused, "events.raw", 3, "malformed", "asset_id: missing")
    assert headers == [
        ("trace", b"x"),
        ("dlq-reason", b"malformed"),
        ("dlq-detail", b"asset_id: missing"),
        ("dlq-topic", b"events.raw"),
        ("dlq-partition", b"3"),
        ("dlq-offset", b"7"),
        ("dlq-time", b"2025-01-10T12:01:03.123Z"),
    ]


@pytest.mark.parametrize(("timestamp", "time"), [(-1, b"1970-01-01T00:00:00.000Z"), (2**63 - 1, b"9999-12-31T23:59")])
def test_a_record_with_an_impossible_append_time_still_gets_its_headers(timestamp: int, time: bytes) -> None:
    headers = dict(dlq_headers(record(0, None, None, timestamp), "t", 0, "malformed", "\ud800"))
    assert headers["dlq-time"].startswith(time)
