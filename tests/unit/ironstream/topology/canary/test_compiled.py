"""A compiled canary answers as the candidate for the assets of its gateway, and as its parent for all others."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ironstream.topology import check_text, compile_topology
from ironstream.topology.canary import CompiledCanary, compile_version
from ironstream.topology.sources import CanarySources, Sources

ASSETS = ("a", "b", "c", "d")
PARAMETERS = ("p", "q")
SIZES = (1, 10, 60)


def _plant(values: dict[str, Any], sizes: list[int], more: dict[str, Any]) -> bytes:
    # JSON is YAML
    return msgspec.json.encode(
        {"version": 1, "windows": [{"size_s": size, "grace_s": 0} for size in sorted(sizes)], **values, **more}
    )


def _parameter(sizes: list[int]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"name": st.sampled_from(PARAMETERS)},
        optional={
            "range": st.fixed_dictionaries({"max": st.integers(1, 9)}),
            "max_rate": st.integers(1, 5),
            "windows_s": st.lists(st.sampled_from(sizes), unique=True, max_size=2),
        },
    )


@st.composite
def plants(draw: st.DrawFn, sizes: list[int]) -> dict[str, Any]:
    assets = draw(st.lists(st.sampled_from(ASSETS), unique=True, min_size=1))
    parameters = st.lists(_parameter(sizes), unique_by=lambda one: one["name"], max_size=2)
    names = draw(st.lists(st.sampled_from(["one", "two", "three"]), unique=True, min_size=1))
    gateways = st.sampled_from([{}, {"gateway": "gw-1"}, {"gateway": "gw-1"}, {"gateway": "gw-2"}])
    rules = draw(st.lists(st.sampled_from(["r", "s"]), unique=True))
    return {
        "assets": [{"id": asset, "parameters": draw(parameters)} for asset in assets],
        "pipelines": [
            {"id": name, "adapter": "x", "asset": draw(st.sampled_from(assets)), "config": {"tags": [{"name": "p"}]}}
            | draw(gateways)
            for name in names
        ],
        "alarms": [
            {
                "id": rule, "type": rule, "asset": draw(st.sampled_from(("*", *ASSETS))),
                "condition": draw(st.sampled_from([{"above": 3}, {"no_data_s": 30}, {"below": 1}])),
            }
            for rule in rules
        ],
    }  # fmt: skip


def _compiled(text: bytes, version: int) -> Any:
    topology = check_text(text).topology
    return None if topology is None else compile_topology(topology, version)


@given(plants(list(SIZES)), plants(list(SIZES)), st.sampled_from(["accept", "reject"]))
def test_assets_of_the_gateway_are_the_candidates_and_all_others_are_the_parents(
    before: dict[str, Any], after: dict[str, Any], unregistered: str
) -> None:
    more = {"unregistered": unregistered}
    texts = [_plant(one, list(SIZES), more) for one in (before, after)]
    parent, candidate = (_compiled(text, 7) for text in texts)
    if parent is None or candidate is None:
        return
    canary = compile_version(CanarySources("gw-1", Sources.single(texts[0]), Sources.single(texts[1])), 7)
    assert isinstance(canary, CompiledCanary)
    everything = before["pipelines"] + after["pipelines"]
    tried = {pipeline["id"] for pipeline in everything if pipeline.get("gateway") == "gw-1"}
    mine = {pipeline["asset"] for pipeline in everything if pipeline["id"] in tried}
    mine -= {pipeline["asset"] for pipeline in before["pipelines"] if pipeline["id"] not in tried}
    for asset in ASSETS:
        expected = candidate if asset in mine else parent
        where = "default", "default", asset
        assert canary.admits(*where) == expected.admits(*where)
        assert canary.event_rules(*where) == expected.event_rules(*where)
        for parameter in PARAMETERS:
            assert canary.series(*where, parameter) == expected.series(*where, parameter)
    watched = {one for one in parent.watched_series if one.asset_id not in mine}
    watched |= {one for one in candidate.watched_series if one.asset_id in mine}
    assert set(canary.watched_series) == watched
    assert len(canary.watched_series) == len(watched)
    assert (canary.windows, canary.times, canary.version) == (parent.windows, parent.times, 7)


BEFORE = {
    "assets": [{"id": "a", "parameters": [{"name": "p"}]}],
    "pipelines": [{"id": "one", "adapter": "x", "gateway": "gw-1", "asset": "a", "config": {"tags": [{"name": "p"}]}}],
}


def test_what_is_the_whole_plants_stays_and_windows_have_sizes_that_there_are() -> None:
    tried = {
        **BEFORE,
        "machine_types": [{"id": "pump", "parameters": [{"name": "q", "windows_s": [60]}]}],
        "assets": [
            {"id": "a", "machine_type": "pump", "parameters": [{"name": "p", "windows_s": [1, 60]}, {"name": "r"}]}
        ],
        "times": {"max_past_s": 1},
        "tenants": [{"id": "acme"}, {"id": "default"}],
        "alarms": [
            {"id": "r", "type": "r", "on": "aggregate", "aggregate": {"size_s": size}, "condition": {"above": 1}}
            | {"id": f"r{size}"}
            for size in (1, 60)
        ],
    }
    parent = Sources.single(_plant(BEFORE, [1, 10], {}))
    canary = compile_version(CanarySources("gw-1", parent, Sources.single(_plant(tried, [1, 60], {}))), 3)
    assert isinstance(canary, CompiledCanary)
    sizes = {name: canary.series("default", "default", "a", name).windows for name in ("p", "q", "r")}
    assert sizes == {"p": (1_000_000,), "q": (), "r": (1_000_000, 10_000_000)}
    assert [one.rule_id for one in canary.series("default", "default", "a", "p").conditions] == ["r1"]
    assert canary.admits("elsewhere", "default", "a") is None
    assert canary.times == canary.series("default", "default", "a", "p").times == canary.parent.times


def test_a_canary_with_faults_in_either_version_is_no_topology() -> None:
    good, bad = Sources.single(_plant(BEFORE, [1], {})), Sources.single(b"version: 1\nsites: 3\n")
    assert compile_version(CanarySources("gw-1", good, bad), 1) is None
    assert compile_version(CanarySources("gw-1", bad, good), 1) is None
