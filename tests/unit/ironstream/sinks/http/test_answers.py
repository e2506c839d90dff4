import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.sinks.http.answers import WAIT_MAX_S, judge, retry_after_s
from ironstream.sinks.http.client import Answer
from ironstream.sinks.sink import SinkUnavailableError

NOW_S = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
JSON = {"Content-Type": "application/json; charset=utf-8"}


def answer(status: int, body: Any = b"", headers: dict[str, str] | None = None, whole: bool = True) -> Answer:
    wire = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, "Reason", JSON if headers is None else headers, wire, whole)


def judged(one: Answer) -> Any:
    return judge(one, "https://api:443", NOW_S, lambda text: text)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_2xx_is_done(status: int) -> None:
    verdict = judged(answer(status))
    assert verdict.whole is None
    assert verdict.named == {}


@pytest.mark.parametrize("body", [b"OK", b"{", b"[]", b'"x"', {"accepted": 5}, {"refused": []}, {"refused": 0}])
def test_a_2xx_that_names_nobody_is_done_whatever_else_it_says(body: Any) -> None:
    assert judged(answer(200, body)).named == {}


@pytest.mark.parametrize("status", [200, 207])
def test_refused_records_are_named_by_id(status: int) -> None:
    body = {"refused": [{"id": "a/1", "reason": "too old"}, {"id": "b"}], "more": 1}
    assert judged(answer(status, body)).named == {"a/1": "too old", "b": "refused"}


@pytest.mark.parametrize(
    "one",
    [
        answer(207, b"x"),
        answer(207, {}),
        answer(207, {"refused": [{"reason": "no id"}]}),
        answer(200, {"refused": 3}),
        answer(200, {"refused": ["a"]}),
        answer(200, b'{"refused": [', whole=False),
        answer(207, b"", headers={}),
    ],
)
def test_where_it_is_not_known_which_records_were_refused_none_is_taken_for_written(one: Answer) -> None:
    with pytest.raises(SinkUnavailableError) as caught:
        judged(one)
    assert caught.value.hint


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_the_target_has_against_the_data_is_a_refusal(status: int) -> None:
    assert judged(answer(status, {"error": "bad unit"})).whole == f"https://api:443 answered {status} Reason: " + (
        '{"error": "bad unit"}'
    )


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_tried_again(status: int) -> None:
    with pytest.raises(SinkUnavailableError) as caught:
        judged(answer(status, headers={"Retry-After": "7"}))
    assert caught.value.retry_after_s == 7


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "token"), (403, "right"), (404, "path"), (405, "POST"), (415, "gzip"), (302, "redirect"), (418, "url")],
)
def test_what_somebody_must_mend_is_no_fault_of_the_data_and_says_what_to_do(status: int, hint: str) -> None:
    with pytest.raises(SinkUnavailableError) as caught:
        judged(answer(status))
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": "999999"}, WAIT_MAX_S),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30),
        ({"Retry-After": "Tue, 14 Nov 2023 22:10:00 GMT"}, 0),
        ({"Retry-After": "Tue, 14 Nov 2023 23:00:30 GMT", "Date": "Tue, 14 Nov 2023 23:00:00 GMT"}, 30),
        ({"Retry-After": "Tue, 14 Nov 2099 22:13:50 GMT"}, WAIT_MAX_S),
        ({"RateLimit-Reset": "11"}, 11),
    ],
)
def test_how_long_to_wait_is_seconds_or_a_date_by_the_targets_own_clock(
    headers: dict[str, str], wanted: float | None
) -> None:
    assert retry_after_s(headers, NOW_S) == wanted


@given(st.text(max_size=40))
def test_no_text_of_a_target_breaks_the_reading_of_a_wait(text: str) -> None:
    wait = retry_after_s({"Retry-After": text, "Date": text}, NOW_S)
    assert wait is None or 0 <= wait <= WAIT_MAX_S


@given(st.integers(200, 599), st.binary(max_size=60))
def test_no_answer_makes_it_fail_otherwise(status: int, body: bytes) -> None:
    with suppress(SinkUnavailableError):
        judged(answer(status, body))
