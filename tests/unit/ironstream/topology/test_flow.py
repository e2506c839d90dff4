from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ironstream.topology.flow import flow
from ironstream.topology.load import load

TRAPS = (
    *("yes", "on", "null", "~", "1e5", "0x1f", "0o7", ".inf", "-", "- a", "a: b", "a #b", "%", "*a", "&a", "!t", ""),
    *(" a", "{", "]", ",", "a,b", "1_000", "nsu=urn:x;s=Boiler.T1", "m**3/h", "°C", "a\tb", "a\nb", "\x85", "\u2028"),
    *("'", '"', "\\", "\x1f😀", "\ufeff"),
)
TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20) | st.sampled_from(TRAPS)
SCALAR = st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats(allow_nan=False) | TEXT
DATA = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8
)


@given(DATA)
def test_what_is_written_reads_back_as_it_was(data: Any) -> None:
    root, faults = load(f"a: [{flow(data)}]\n".encode())

    assert faults == []
    assert root is not None
    assert root.data() == {"a": [data]}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"name": "net flow", "unit": "m**3/h", "scale": 0.1}, "{name: net flow, unit: m**3/h, scale: 0.1}"),
        ({"unit": "°C", "a": [1, True, None]}, "{unit: °C, a: [1, true, null]}"),
        ({"node": "ns=2;s=T"}, '{node: "ns=2;s=T"}'),
    ],
)
def test_a_person_can_read_it(data: Any, text: str) -> None:
    assert flow(data) == text


@pytest.mark.parametrize("text", ["on", "Yes", "n"])
def test_what_older_yaml_takes_for_a_boolean_is_quoted(text: str) -> None:
    assert yaml.safe_load(flow(text)) == text


def test_what_yaml_has_no_form_for_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        flow({"a": object()})
