from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mqtt.path import MISSING, PathError, leaves, parse_path

DOCUMENT = {"a": {"b": [1, {"c": 2}]}, "x y": {"d.e": 3}, "n": None}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", DOCUMENT),
        ("$.a.b[0]", 1),
        ("a.b[1].c", 2),
        ("$['x y'][\"d.e\"]", 3),
        ("n", None),
        ("a.b[2]", MISSING),
        ("a.z", MISSING),
        ("a.b.c", MISSING),
        ("a[0]", MISSING),
        ("n.x", MISSING),
    ],
)
def test_a_path_leads_to_its_place_or_to_nothing(path: str, value: Any) -> None:
    assert parse_path(path).get(DOCUMENT) is value or parse_path(path).get(DOCUMENT) == value


@pytest.mark.parametrize("text", ["", " ", "a..b", "a[", "a[x]", "a]", "$.*.b", "a[-1]", "a**"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(PathError):
        parse_path(text)


def test_a_star_means_all_single_values_below() -> None:
    path = parse_path("$.a.*")
    assert path.every
    assert list(leaves(path.get(DOCUMENT))) == [(("b", 0), 1), (("b", 1, "c"), 2)]
    assert list(leaves(5)) == [((), 5)]


@given(st.text())
def test_any_text_is_a_path_or_refused(text: str) -> None:
    with contextlib.suppress(PathError):
        parse_path(text).get(DOCUMENT)
