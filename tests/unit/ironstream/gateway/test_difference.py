from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ironstream.gateway.difference import by_process, difference, without_movers
from ironstream.gateway.pipeline import PipelineSpec


def spec(name: str, **fields: Any) -> PipelineSpec:
    return PipelineSpec(**{"id": name, "adapter": "fake", "asset_id": "pump-1", "config": {}, **fields})


def test_what_is_new_changed_and_gone_is_told_apart_and_what_stays_is_not_named() -> None:
    running = {name: spec(name) for name in ("stays", "changes", "goes")}
    changed = spec("changes", config={"port": 1})
    found = difference(running, [spec("new"), changed, spec("stays")])
    assert (found.new, found.changed, found.gone) == ((spec("new"),), (changed,), ("goes",))


def test_a_pipeline_that_names_no_process_has_one_of_its_own() -> None:
    groups = by_process([spec("a", process="x"), spec("b"), spec("c", process="x")])
    assert {name: [one.id for one in group] for name, group in groups.items()} == {"x": ["a", "c"], "b": ["b"]}


def test_a_process_may_be_named_as_a_pipeline_that_then_shares_it() -> None:
    assert by_process([spec("a"), spec("b", process="a")]).keys() == {"a"}


def test_a_pipeline_that_another_process_has_is_left_out_until_that_lets_go() -> None:
    running = {"x": [spec("a"), spec("b")], "y": [spec("c")]}
    wanted = {"x": [spec("a")], "y": [spec("b"), spec("c")], "z": [spec("d")]}
    at_first = without_movers(wanted, running)
    assert {name: [one.id for one in group] for name, group in at_first.items()} == {"x": ["a"], "y": ["c"], "z": ["d"]}


SETS = st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.integers(0, 2), st.sampled_from(["x", "y", None])))


@given(SETS, SETS)
def test_doing_what_the_difference_says_leads_to_what_is_wanted(before: Any, after: Any) -> None:
    running = {name: spec(name, config={"n": n}) for name, (n, _) in before.items()}
    wanted = [spec(name, config={"n": n}) for name, (n, _) in after.items()]
    found = difference(running, wanted)
    for name in found.gone:
        del running[name]
    running |= {one.id: one for one in (*found.new, *found.changed)}
    assert running == {one.id: one for one in wanted}


@given(SETS, SETS)
def test_no_pipeline_is_ever_wanted_of_two_processes_at_once(before: Any, after: Any) -> None:
    running = by_process(spec(name, process=process) for name, (_, process) in before.items())
    wanted = by_process(spec(name, process=process) for name, (_, process) in after.items())
    at_first = without_movers(wanted, running)
    assert at_first.keys() == wanted.keys()
    for name, group in at_first.items():
        for pipeline in group:
            homes = {home for home, others in running.items() if pipeline.id in {other.id for other in others}}
            assert homes <= {name}


def test_the_place_in_the_list_is_no_change() -> None:
    a, b = spec("a"), spec("b")
    found = difference({"a": a, "b": b}, [replace(b), replace(a)])
    assert (found.new, found.changed, found.gone) == ((), (), ())
