from __future__ import annotations

from pathlib import Path

import pytest

from adapters.registry import CONFIG_MODELS
from ironstream.topology import Topology, TopologyError, check_text
from ironstream.topology.canary import gateway_part, gateways_of, parse_version
from ironstream.topology.canary.given_up import GivenUp
from ironstream.topology.canary.staying import staying, tries_something
from ironstream.topology.sources import CanarySources, Sources

HEAD = "version: 1\nassets: [{id: pump}, {id: press}, {id: kiln}, {id: fan}, {id: kiln, site: north}]\npipelines:\n"
PUMP = "  - {id: pump, adapter: x, gateway: gw-1, asset: pump, config: {tags: [{name: flow}, {name: speed}]}}\n"
PRESS = "  - {id: press, adapter: x, gateway: gw-2, asset: press, config: {tags: [{name: force}]}}\n"
KILN = "  - {id: kiln, adapter: x, asset: kiln, config: {tags: [{name: zone}, {name: hood, asset: fan}]}}\n"
BROKER = "  - {id: broker, adapter: x, gateway: gw-1, config: {sparkplug: {group: plant}}}\n"


def topology(*parts: str) -> Topology:
    found = check_text("".join((HEAD, *parts)).encode())
    assert found.topology is not None, found.errors
    return found.topology


def key(asset: str, site: str = "default") -> tuple[str, str, str]:
    return "default", site, asset


def ids(before: Topology, after: Topology, gateway: str) -> list[str]:
    part = gateway_part(before, after, gateway)
    return [f"{one.id}@{one.gateway}" for one in part.composed(before, after)]


def test_the_pipelines_of_a_gateway_are_the_candidates_and_all_others_stay() -> None:
    before = topology(PUMP, PRESS, KILN)
    after = topology(PUMP.replace("flow", "level"), PRESS.replace("force", "way"), KILN.replace("zone", "vent"))
    part = gateway_part(before, after, "gw-1")
    tags = {one.id: one.config["tags"][0]["name"] for one in part.composed(before, after)}
    assert tags == {"pump": "level", "press": "force", "kiln": "zone"}
    assert part.own == {key("pump")}
    assert gateways_of(before, after) == ["gw-1", "gw-2"]


@pytest.mark.parametrize(
    ("before", "after", "composed"),
    [
        ((PUMP, PRESS), (PRESS,), ["press@gw-2"]),
        ((PRESS,), (PRESS, PUMP), ["press@gw-2", "pump@gw-1"]),
        ((PUMP, PRESS), (PUMP, PRESS.replace("gw-2", "gw-1")), ["pump@gw-1", "press@gw-1"]),
        ((PUMP, PRESS), (PUMP.replace("gw-1", "gw-2"), PRESS), ["press@gw-2", "pump@gw-2"]),
        ((PUMP, KILN), (PUMP, KILN.replace("asset: kiln", "gateway: gw-1, asset: kiln")), ["pump@gw-1", "kiln@gw-1"]),
    ],
    ids=["goes", "comes", "is taken over", "is given away", "is no longer anybody's"],
)
def test_a_pipeline_that_moves_runs_in_one_place(
    before: tuple[str, ...], after: tuple[str, ...], composed: list[str]
) -> None:
    assert ids(topology(*before), topology(*after), "gw-1") == composed


def test_an_asset_that_another_pipeline_names_too_stays_as_it_is() -> None:
    shared = PUMP.replace("{name: speed}", "{name: noise, asset: press}, {name: heat, asset: kiln, site: north}")
    part = gateway_part(topology(PUMP, PRESS, KILN), topology(shared, PRESS, KILN), "gw-1")
    assert part.has(*key("pump"))
    assert not part.has(*key("press"))
    assert not part.has(*key("kiln"))
    assert part.has(*key("kiln", "north"))
    assert not part.has(*key("nobody's"))


def test_what_nobody_names_belongs_to_the_only_gateway_that_takes_assets_as_they_come() -> None:
    alone = gateway_part(topology(PUMP, PRESS), topology(PUMP, PRESS, BROKER), "gw-1")
    assert alone.has(*key("fan"))
    assert not alone.has(*key("press"))
    other = BROKER.replace("id: broker", "id: other").replace("gw-1", "gw-2")
    both = gateway_part(topology(PUMP, PRESS, other), topology(PUMP, PRESS, other, BROKER), "gw-1")
    assert not both.has(*key("fan"))


def test_what_waits_for_the_promotion_is_told() -> None:
    before = topology(PUMP, PRESS)
    after = topology(
        PUMP.replace("flow", "level"), PRESS.replace("force", "way"),
        "windows: [{size_s: 10}]\nunregistered: reject\nsinks: [{id: store, kind: postgres}]\n",
    )  # fmt: skip
    waits = staying(before, after, gateway_part(before, after, "gw-1"))
    assert {"window 10 s", "unregistered", "sink store", "pipeline press"} <= set(waits)
    assert "pipeline pump" not in waits


def test_a_candidate_that_changes_nothing_of_the_gateway_tries_nothing() -> None:
    before = topology(PUMP, PRESS, KILN)
    other = topology(PUMP, PRESS.replace("force", "way"), KILN)
    assert not tries_something(before, other, gateway_part(before, other, "gw-1"))
    assert tries_something(before, other, gateway_part(before, other, "gw-2"))
    rule = "alarms: [{id: hot, type: hot, asset: ASSET, condition: {above: 3}}]\n"
    for asset, tries in (("pump", True), ("press", False)):
        watched = "{id: pump, parameters: [{name: flow}]}, {id: press, parameters: [{name: force}]}"
        with_parameters = HEAD.replace("{id: pump}, {id: press}", watched)
        one, two = (
            check_text("".join((with_parameters, PUMP, PRESS, KILN, more)).encode()).topology
            for more in ("", rule.replace("ASSET", asset))
        )
        assert one is not None
        assert two is not None
        assert tries_something(one, two, gateway_part(one, two, "gw-1")) is tries


def test_what_the_candidate_no_longer_reads_may_fall_silent() -> None:
    before = topology(PUMP, PRESS, KILN)
    fewer = topology(PUMP.replace("{name: flow}, ", ""), PRESS, KILN)
    gone = GivenUp(before, fewer, gateway_part(before, fewer, "gw-1"))
    assert gone(key("pump"), "flow")
    assert not gone(key("pump"), "speed")
    resting = topology(PUMP.replace("asset: pump", "asset: pump, enabled: false"), PRESS, KILN)
    assert GivenUp(before, resting, gateway_part(before, resting, "gw-1"))(key("pump"), "speed")
    open_ended = topology(PUMP.replace("tags: [{name: flow}, {name: speed}]", "nodes: [all]"), PRESS, KILN)
    assert not GivenUp(before, open_ended, gateway_part(before, open_ended, "gw-1"))(key("pump"), "flow")
    broker = topology(PRESS, KILN, BROKER)
    assert not GivenUp(before, broker, gateway_part(before, broker, "gw-1"))(key("pump"), "flow")


MODBUS = """version: 1
assets: [{{id: a}}, {{id: b}}]
pipelines:
  - id: a
    adapter: modbus-rtu
    asset: a
    config: {{serial_port: /dev/{0}, tags: [{{name: x, address: 1, type: UINT16}}]}}
  - id: b
    adapter: modbus-rtu
    gateway: gw-1
    asset: b
    config: {{serial_port: /dev/{1}, tags: [{{name: x, address: 1, type: UINT16}}]}}
"""


def test_two_versions_that_cannot_be_had_together_are_refused_with_the_reason() -> None:
    before, after = (Sources.single(MODBUS.format(*ports).encode()) for ports in (("tty1", "tty2"), ("tty3", "tty1")))
    with pytest.raises(TopologyError, match=r"(?s)gw-1 cannot try this.*pipeline 'a' has serial port /dev/tty1"):
        parse_version(CanarySources("gw-1", before, after), Path("plant"), CONFIG_MODELS)
    found = parse_version(
        CanarySources("gw-1", before, Sources.single(MODBUS.format("tty3", "tty4").encode())), Path("plant"),
        CONFIG_MODELS,
    )  # fmt: skip
    assert [one.config["serial_port"] for one in found.pipelines] == ["/dev/tty1", "/dev/tty4"]
