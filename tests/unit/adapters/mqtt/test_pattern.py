from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mqtt.pattern import PatternError, covers, overlaps, parse_pattern

LEVEL = st.sampled_from(["a", "b", "$x", ""])
TOPIC = st.lists(LEVEL, min_size=1, max_size=4).map("/".join).filter(bool)
FILTER = st.builds(
    lambda levels, end: "/".join([*levels, *end]),
    st.lists(st.sampled_from(["a", "b", "+", "$x", ""]), min_size=1, max_size=4),
    st.sampled_from([[], ["#"]]),
).filter(bool)


def test_named_levels_give_their_names_and_others_must_fit() -> None:
    pattern = parse_pattern("ironlink/{tenant}/{site}/+/{asset}/telemetry")
    assert pattern.filter == "ironlink/+/+/+/+/telemetry"
    assert pattern.match("ironlink/acme/north/x/pump-1/telemetry") == {
        "tenant": "acme",
        "site": "north",
        "asset": "pump-1",
    }
    assert pattern.match("ironlink/acme/north/x/pump-1/state") is None
    assert pattern.match("ironlink/acme/north/x/pump-1") is None


@pytest.mark.parametrize(
    ("filter_", "topic", "fits"),
    [
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a/b", True),
        ("+", "a", True),
        ("+", "a/b", False),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("a//b", "a//b", True),
        ("a/+/b", "a//b", True),
    ],
)
def test_wildcards_fit_as_mqtt_has_it(filter_: str, topic: str, fits: bool) -> None:
    assert (parse_pattern(filter_).match(topic) is not None) is fits


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "at least one"),
        ("a/#/b", "only at the end"),
        ("a/b+", "whole level"),
        ("a/{x}y", "whole level"),
        ("{Asset}/a", "small letters"),
        ("{a}/{a}", "twice"),
        ("a\0", "NUL"),
    ],
)
def test_what_is_no_pattern_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(PatternError, match=why):
        parse_pattern(text)


def test_a_topic_is_told_with_its_named_levels_only() -> None:
    pattern = parse_pattern("v1/+/{asset}/#")
    assert pattern.filled({"asset": "p"}) == "v1/+/p/#"


@given(FILTER, FILTER, TOPIC)
def test_a_filter_that_covers_or_overlaps_another_does_so_for_every_topic(one: str, other: str, topic: str) -> None:
    fits_one = parse_pattern(one).match(topic) is not None
    fits_other = parse_pattern(other).match(topic) is not None
    if covers(one, other) and fits_other:
        assert fits_one
    if fits_one and fits_other:
        assert overlaps(one, other)


@given(st.text())
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    with contextlib.suppress(PatternError):
        parse_pattern(text)
