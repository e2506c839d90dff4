from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.gateway.outgoing import Priority
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.processes.messages import (
    Applied,
    Failed,
    MessageError,
    Ready,
    Wanted,
    decode_report,
    decode_said,
    decode_wanted,
    encode,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(), JSON, max_size=3),
    st.sampled_from(Priority),
    st.none() | st.text(),
    st.floats(0.001, 86_400),
)
def test_a_pipeline_comes_across_as_it_was(
    config: dict[str, Any], priority: Priority, asset: str | None, interval_s: float
) -> None:
    wanted = Wanted(
        7, [PipelineSpec("p", "modbus-tcp", asset, config, poll_interval_s=interval_s, priority=priority, process="x")]
    )
    line = encode(wanted)
    assert (line.count(b"\n"), line[-1:]) == (1, b"\n")
    assert decode_wanted(line) == wanted


@pytest.mark.parametrize("said", [Ready(8080), Applied(3, {"a": "b"}, {"c": ["fault"]}), Failed("no such port")])
def test_what_a_process_says_comes_across(said: Ready | Applied | Failed) -> None:
    assert decode_said(encode(said)) == said


@pytest.mark.parametrize("decode", [decode_wanted, decode_said, decode_report])
@given(text=st.binary() | JSON.map(lambda value: repr(value).encode()) | st.just(b"[" * 100_000))
def test_hostile_bytes_raise_the_typed_error_alone(decode: Any, text: bytes) -> None:
    with suppress(MessageError):
        decode(text)


def test_a_refused_line_is_not_shown() -> None:
    with pytest.raises(MessageError) as caught:
        decode_wanted(b'{"number": 1, "pipelines": [{"password": "hunter2"}]}')
    assert "hunter2" not in str(caught.value)
