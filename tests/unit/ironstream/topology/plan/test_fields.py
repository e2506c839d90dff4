from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from ironstream.topology.plan import FieldChange
from ironstream.topology.plan.fields import changed_fields, parts_by_name

SCALARS = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["a", "b", ""])
NAMED = st.lists(st.fixed_dictionaries({"name": st.sampled_from("ab")}, optional={"x": SCALARS, "asset": SCALARS}))
VALUES = st.recursive(
    SCALARS | NAMED,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "id", "x", "y"]), inner),
    max_leaves=8,
)
FIELDS = st.dictionaries(st.sampled_from(["tags", "host", "port", "name"]), VALUES)


@given(FIELDS, FIELDS)
def test_something_differs_if_and_only_if_the_two_are_not_equal(before: Any, after: Any) -> None:
    assert bool(changed_fields(before, after)) == (before != after)


@given(FIELDS, FIELDS)
def test_each_field_is_told_once(before: Any, after: Any) -> None:
    fields = [change.field for change in changed_fields(before, after)]

    assert len(fields) == len(set(fields))


def test_parts_of_lists_are_told_apart_by_name_not_by_place() -> None:
    before = {"topics": [{"pattern": "a", "fields": [{"path": "$.x"}]}, {"pattern": "b"}]}
    after = {"topics": [{"pattern": "c"}, {"pattern": "a", "fields": [{"path": "$.x", "unit": "K"}]}]}

    assert changed_fields(before, after) == (
        FieldChange("topics[a].fields[$.x].unit", UNSET, "K"),
        FieldChange("topics[b]", {"pattern": "b"}, UNSET),
        FieldChange("topics[c]", UNSET, {"pattern": "c"}),
    )


@given(st.lists(st.sampled_from(["a", "a#2", "a#3", "b"])))
def test_every_part_has_a_name_of_its_own(names: list[str]) -> None:
    found = parts_by_name(names, names)

    assert [place for place, _ in found.values()] == list(range(len(names)))
