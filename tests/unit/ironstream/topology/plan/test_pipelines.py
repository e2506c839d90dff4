"""What the plan says of pipelines is what gateways do."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ironstream.gateway.difference import difference
from ironstream.gateway.from_topology import pipelines_of
from ironstream.topology.model import Pipeline, Topology
from ironstream.topology.plan import Item, plan
from ironstream.topology.plan.pipelines import effect_of

TAG = {"name": "t", "address": 0}
TAGS = st.lists(st.sampled_from(["t", "u", "v"]), unique=True).flatmap(
    lambda names: st.tuples(
        *(st.fixed_dictionaries({"name": st.just(name), "address": st.integers(0, 2)}) for name in names)
    )
)
PIPELINES = st.builds(
    Pipeline,
    id=st.sampled_from(["a", "b", "c"]),
    adapter=st.sampled_from(["modbus-tcp", "opcua"]),
    gateway=st.sampled_from([None, "gw-1", "gw-2"]),
    enabled=st.booleans(),
    process=st.sampled_from([None, "p", "a"]),
    asset=st.just("pump-1"),
    poll_interval_s=st.sampled_from([None, 1.0, 2.0]),
    config=st.fixed_dictionaries({}, optional={"port": st.integers(1, 2), "tags": TAGS.map(list)}),
)
PLANTS = st.lists(PIPELINES, max_size=3, unique_by=lambda pipeline: pipeline.id).map(
    lambda pipelines: Topology(version=1, pipelines=tuple(pipelines))
)


def pipeline(**fields: Any) -> Pipeline:
    return Pipeline(**{"id": "p", "adapter": "modbus-tcp", "asset": "pump-1", "config": {"tags": [TAG]}, **fields})


def items(before: Pipeline, after: Pipeline) -> tuple[Item, ...]:
    return plan(Topology(version=1, pipelines=(before,)), Topology(version=1, pipelines=(after,))).items


@given(PLANTS, PLANTS)
def test_each_gateway_starts_stops_and_restarts_what_the_plan_says(before: Topology, after: Topology) -> None:
    told = {item.name: item for item in plan(before, after).items if item.kind == "pipeline"}
    done: dict[str, set[str]] = {}
    for gateway in ("gw-1", "gw-2", "gw-3"):
        running = {one.id: one for one in pipelines_of(before, gateway)}
        found = difference(running, pipelines_of(after, gateway))
        for effect, names in (
            ("start", [one.id for one in found.new]),
            ("restart", [one.id for one in found.changed]),
            ("stop", found.gone),
        ):
            for name in names:
                done.setdefault(name, set()).add(effect)
        for name in running.keys() & {one.id for one in pipelines_of(after, gateway)}:
            done.setdefault(name, set())
            if name not in [one.id for one in found.changed]:
                done[name].add("goes on")

    assert done.keys() >= {name for name, item in told.items() if item.effect != "none"}
    for name, effects in done.items():
        if "restart" in effects or {"start", "stop"} <= effects:
            assert told[name].effect == "restart"
        elif "goes on" in effects:
            assert name not in told or told[name].effect == "changes"
            assert name in told or effects == {"goes on"}
        else:
            assert {told[name].effect} == effects


@given(PLANTS, PLANTS)
def test_a_restart_always_says_which_field_or_tag_it_is_for(before: Topology, after: Topology) -> None:
    made = plan(before, after)

    for item in made.items:
        if item.kind == "pipeline" and item.change == "changed":
            tags = [tag for tag in made.items if tag.kind == "tag" and tag.path.startswith(item.path + ".")]
            assert item.fields or tags


def test_one_that_moves_to_another_gateway_stops_here_and_starts_there() -> None:
    (item,) = items(pipeline(gateway="gw-1"), pipeline(gateway="gw-2"))

    assert (item.effect, item.note) == ("restart", "moves from gateway gw-1 to gw-2")


def test_one_that_is_given_to_a_single_gateway_goes_on_there() -> None:
    (item,) = items(pipeline(), pipeline(gateway="gw-2"))

    assert (item.effect, item.note) == ("changes", "gateways other than gw-2 stop it")


def test_one_that_moves_to_another_process_is_started_there() -> None:
    (item,) = items(pipeline(), pipeline(process="line-1"))

    assert (item.effect, item.note) == ("restart", "moves from process p to line-1")


def test_what_is_not_enabled_concerns_nothing_that_runs() -> None:
    (item,) = items(pipeline(enabled=False), pipeline(enabled=False, poll_interval_s=5))

    assert (item.effect, item.note) == ("none", "is not enabled")
    assert effect_of(pipeline(), pipeline(enabled=False)) == "stop"
    assert effect_of(pipeline(enabled=False), pipeline()) == "start"


def test_the_interval_that_a_gateway_takes_anyway_restarts_nothing() -> None:
    (item,) = items(pipeline(), pipeline(poll_interval_s=1))

    assert (item.effect, [field.field for field in item.fields]) == ("changes", ["poll_interval_s"])


def test_tags_are_told_one_by_one_with_what_they_deliver() -> None:
    before = pipeline(config={"port": 1, "tags": [TAG, {"name": "gone", "address": 1}]})
    after = pipeline(
        config={
            "port": 1,
            "tags": [{"name": "new", "parameter": "speed", "asset": "fan", "address": 9}, TAG | {"unit": "K"}],
        }
    )

    whole, *tags = items(before, after)

    assert (whole.effect, whole.fields) == ("restart", ())
    assert [(tag.change, tag.name, tag.path, tag.delivers) for tag in tags] == [
        ("added", "fan/new", "pipelines[0].config.tags[0]", "default/default/fan/speed"),
        ("changed", "t", "pipelines[0].config.tags[1]", "default/default/pump-1/t"),
        ("removed", "gone", "pipelines[0].config.tags[1]", "default/default/pump-1/gone"),
    ]


def test_another_order_of_tags_restarts_and_says_so() -> None:
    other = {"name": "u", "address": 1}

    (item,) = items(pipeline(config={"tags": [TAG, other]}), pipeline(config={"tags": [other, TAG]}))

    assert item.effect == "restart"
    assert [(field.field, field.before, field.after) for field in item.fields] == [
        ("config.tags (order)", ["t", "u"], ["u", "t"])
    ]


def test_a_list_of_tags_that_is_empty_is_another_configuration_than_none() -> None:
    (item,) = items(pipeline(config={}), pipeline(config={"tags": []}))

    assert (item.effect, [field.field for field in item.fields]) == ("restart", ["config.tags"])
