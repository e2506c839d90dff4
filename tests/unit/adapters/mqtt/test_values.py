from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mqtt.values import UnfitValueError, ValueType, from_json, from_text, scaled

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner), max_leaves=3
)


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ("21.5", ValueType.AUTO, 21.5),
        (" 7\n", ValueType.AUTO, 7),
        ("-1e3", ValueType.NUMBER, -1000.0),
        ("ON", ValueType.AUTO, True),
        ("off", ValueType.BOOL, False),
        ("1", ValueType.BOOL, True),
        ("1", ValueType.AUTO, 1),
        ("yes", ValueType.AUTO, "yes"),
        ("yes", ValueType.BOOL, True),
        ("running", ValueType.AUTO, "running"),
        ("21.5", ValueType.TEXT, "21.5"),
        ("1_000", ValueType.AUTO, "1_000"),
        ("٣", ValueType.AUTO, "٣"),
    ],
)
def test_text_is_a_number_a_state_or_text(text: str, type_: ValueType, value: Any) -> None:
    told = from_text(text, type_)
    assert (told, type(told)) == (value, type(value))


@pytest.mark.parametrize(
    ("value", "type_", "told"),
    [
        (True, ValueType.AUTO, True),
        (True, ValueType.NUMBER, 1),
        (1, ValueType.BOOL, True),
        ("3.5", ValueType.NUMBER, 3.5),
        ("on", ValueType.AUTO, "on"),
        (3, ValueType.TEXT, "3"),
        (None, ValueType.NUMBER, None),
    ],
)
def test_json_is_taken_as_its_type_says(value: Any, type_: ValueType, told: Any) -> None:
    assert from_json(value, type_) == told


@pytest.mark.parametrize(
    ("value", "type_"),
    [({}, ValueType.AUTO), ([1], ValueType.NUMBER), (2, ValueType.BOOL), ("hot", ValueType.NUMBER)],
)
def test_what_is_no_such_value_is_refused(value: Any, type_: ValueType) -> None:
    with pytest.raises(UnfitValueError):
        from_json(value, type_)


def test_scale_and_offset_keep_the_digits_that_a_reader_expects() -> None:
    assert scaled(3, 0.1, 0.0) == 0.3
    assert scaled(2**60 + 1, 1.0, 0.0) == 2**60 + 1
    assert scaled(2.0, 10.0, -5.0) == 15.0


def test_integers_that_nothing_downstream_can_hold_become_floats() -> None:
    assert from_text("9" * 30, ValueType.AUTO) == pytest.approx(1e30)
    assert from_json(10**400, ValueType.NUMBER) == math.inf


@given(st.text(), st.sampled_from(ValueType))
def test_any_text_is_a_value_that_can_be_written_or_refused(text: str, type_: ValueType) -> None:
    try:
        value = from_text(text, type_)
    except UnfitValueError:
        return
    if not isinstance(value, str):
        msgspec.json.encode(value)


@given(ANY_JSON, st.sampled_from(ValueType))
def test_any_json_is_a_value_that_can_be_written_or_refused(document: Any, type_: ValueType) -> None:
    try:
        value = from_json(document, type_)
    except UnfitValueError:
        return
    if not isinstance(value, str):
        msgspec.json.encode(value)
