"""The plan of changes to the real example: nothing is overlooked, nothing is made up, and back is the same way."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from ironstream.sinks.registry import SINKS
from ironstream.topology.faults import format_path
from ironstream.topology.load import load
from ironstream.topology.model import Topology
from ironstream.topology.plan import FieldChange, Plan, plan

Place = tuple[str | int, ...]


def _leaves(value: Any, at: Place = ()) -> Iterator[Place]:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(inner, (*at, key))
    else:
        yield at


_ROOT, _ = load((Path(__file__).parents[5] / "topology.yaml").read_bytes())
assert _ROOT is not None
DATA = _ROOT.data()
EXAMPLE = Topology.model_validate(DATA)
LEAVES = [place for place in _leaves(DATA) if place != ("version",)]
NAMES = {"id", "name", "size_s", "pattern", "path", "node", "notifier", "tenant", "site", "parameter"}
"""Fields that may be a part of its name: another one is another part."""


def _other(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
    return f"{value}x"


def _set(data: Any, place: Place, value: Any) -> None:
    for key in place[:-1]:
        data = data[key]
    data[place[-1]] = value


def _get(data: Any, place: Place) -> Any:
    for key in place:
        data = data[key]
    return data


def changed(*places: Place) -> Topology:
    data = copy.deepcopy(DATA)
    for place in places:
        _set(data, place, _other(_get(DATA, place)))
    try:
        return Topology.model_validate(data)
    except ValidationError:
        assume(False)
        raise


def mirrored(made: Plan) -> set[tuple[Any, ...]]:
    """What is said of each part, as if the way were the other one."""
    back = {"added": "removed", "removed": "added", "changed": "changed"}
    effects = {"start": "stop", "stop": "start"}
    return {
        (
            item.kind, item.name, back[item.change], effects.get(item.effect, item.effect),
            frozenset(repr(FieldChange(one.field, one.after, one.before)) for one in item.fields),
        )
        for item in made.items
    }  # fmt: skip


def told(made: Plan) -> set[tuple[Any, ...]]:
    return {
        (item.kind, item.name, item.change, item.effect, frozenset(repr(one) for one in item.fields))
        for item in made.items
    }


def test_a_topology_changes_nothing_in_the_place_of_itself() -> None:
    made = plan(EXAMPLE, Topology.model_validate(copy.deepcopy(DATA)), sinks=SINKS)

    assert made.items == ()
    assert made.losses == ()
    assert not made.needs_flag
    assert set(msgspec.structs.astuple(made.counts)) == {0}
    assert made.cost_before == made.cost_after


@given(st.sampled_from(LEAVES))
def test_every_field_that_changes_is_told_where_it_stands(place: Place) -> None:
    made = plan(EXAMPLE, changed(place), sinks=SINKS)

    here = [item for item in made.items if format_path(place).startswith(item.path)]
    assert here, made.items
    fields = [field for item in here for field in item.fields]
    if fields:
        assert all(field.before != field.after for field in fields)
        leaf = next(str(part) for part in reversed(place) if isinstance(part, str))
        assert (
            any(leaf in field.field or leaf in repr((field.before, field.after)) for field in fields) or leaf in NAMES
        )
    else:
        assert {"added", "removed"} <= {item.change for item in made.items}


@given(st.lists(st.sampled_from(LEAVES), min_size=1, max_size=6, unique=True))
def test_the_way_back_undoes_what_the_way_there_does(places: list[Place]) -> None:
    other = changed(*places)

    assert told(plan(other, EXAMPLE, sinks=SINKS)) == mirrored(plan(EXAMPLE, other, sinks=SINKS))


LISTS = ("tenants", "sites", "machine_types", "assets", "pipelines", "alarms", "sinks", "windows")


@given(st.data())
def test_what_is_taken_out_and_put_in_again_is_removed_and_added(data: st.DataObject) -> None:
    section = data.draw(st.sampled_from(LISTS))
    place = data.draw(st.integers(0, len(DATA[section]) - 1))
    less = copy.deepcopy(DATA)
    part = less[section].pop(place)
    assume(less[section] or section != "windows")
    without = Topology.model_validate(less)
    path, name = f"{section}[{place}]", str(part.get("id", part.get("size_s")))

    there, back = plan(EXAMPLE, without, sinks=SINKS), plan(without, EXAMPLE, sinks=SINKS)

    for made, change in ((there, "removed"), (back, "added")):
        (item,) = [one for one in made.items if one.path == path and one.change == change]
        assert name in item.name


def test_the_order_of_parts_is_no_change() -> None:
    data = copy.deepcopy(DATA)
    for section in ("tenants", "sites", "machine_types", "assets", "pipelines", "alarms", "sinks"):
        data[section].reverse()

    assert plan(EXAMPLE, Topology.model_validate(data), sinks=SINKS).items == ()


def test_where_nothing_holds_yet_all_of_it_is_added_and_nothing_is_lost() -> None:
    made = plan(None, EXAMPLE, sinks=SINKS)

    assert {item.change for item in made.items if item.path[-1] == "]"} == {"added"}
    assert {item.kind for item in made.items} >= {"window", "tenant", "asset", "pipeline", "alarm", "sink"}
    assert made.losses == ()
    assert made.cost_before is None
    assert made.counts.starts == len(EXAMPLE.pipelines) + len(EXAMPLE.sinks)


def test_a_plan_is_json_and_leaves_out_values_that_are_not_there() -> None:
    data = copy.deepcopy(DATA)
    data["pipelines"][0]["config"]["retries"] = 3

    (item,) = msgspec.json.decode(msgspec.json.encode(plan(EXAMPLE, Topology.model_validate(data))))["items"]

    assert item["fields"] == [{"field": "config.retries", "after": 3}]


@pytest.mark.parametrize(("value", "shown"), [("${secret:other}", "${secret:other}"), ("hunter2", "…")])
def test_of_secrets_the_references_are_shown_and_nothing_else(value: str, shown: str) -> None:
    data = copy.deepcopy(DATA)
    data["pipelines"][0]["config"]["password"] = "${secret:pump}"
    before = Topology.model_validate(copy.deepcopy(data))
    data["pipelines"][0]["config"]["password"] = value

    (item,) = plan(before, Topology.model_validate(data)).items

    assert item.fields == (FieldChange("config.password", "${secret:pump}", shown),)
