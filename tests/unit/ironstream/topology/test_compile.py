from math import inf
from pathlib import Path

from ironstream.contract import SeriesId
from ironstream.domain.rules import ConditionRule, SeriesRules, TimeRules, WindowSize
from ironstream.domain.windows.results import NUMBERS
from ironstream.topology import CompiledTopology, check_text, compile_topology, load_topology
from ironstream.topology.model import AGGREGATE_FIELDS

EXAMPLE = Path(__file__).parents[4] / "topology.yaml"


def compiled(text: str, version: int = 0) -> CompiledTopology:
    result = check_text(("version: 1\n" + text).encode())
    assert result.topology is not None, result.faults
    return compile_topology(result.topology, version)


def condition(text: str) -> ConditionRule:
    plant = compiled(f"assets: [{{id: a, parameters: [{{name: t}}]}}]\nalarms: [{{id: x, type: t, {text}}}]\n")
    rules = plant.series("default", "default", "a", "t").conditions + plant.event_rules("default", "default", "a")
    return rules[0]


def test_the_default_windows_are_those_of_the_specification() -> None:
    assert compiled("").windows == (
        WindowSize(1_000_000, 2_000_000, 3_600_000_000),
        WindowSize(10_000_000, 5_000_000, 6 * 3_600_000_000),
        WindowSize(60_000_000, 10_000_000, 2 * 86_400_000_000),
        WindowSize(3_600_000_000, 60_000_000, 14 * 86_400_000_000),
    )


def test_a_series_that_nobody_declared_gets_the_defaults() -> None:
    rules = compiled("times: {skew_suspect_s: 7}\n").series("t", "s", "a", "p")

    assert rules == SeriesRules(
        windows=(1_000_000, 10_000_000, 60_000_000, 3_600_000_000), times=TimeRules(skew_suspect_us=7_000_000)
    )


def test_an_undeclared_parameter_of_a_declared_asset_is_registered_and_has_its_rate_limit() -> None:
    rules = compiled("assets: [{id: a, max_readings_per_s: 9}]\n").series("default", "default", "a", "new")

    assert rules.registered
    assert rules.max_rate_per_s == 9
    assert len(rules.windows) == 4


def test_a_series_gets_the_windows_that_hold_two_readings() -> None:
    plant = compiled(
        "assets:\n  - id: a\n    parameters:\n      - {name: fast, expected_interval_s: 0.5}\n"
        "      - {name: second, expected_interval_s: 1}\n      - {name: slow, expected_interval_s: 1801}\n"
        "      - {name: unknown}\n      - {name: named, expected_interval_s: 1, windows_s: [60, 1]}\n"
    )

    def sizes_s(parameter: str) -> list[int]:
        return [size // 1_000_000 for size in plant.series("default", "default", "a", parameter).windows]

    assert sizes_s("fast") == [1, 10, 60, 3600]
    assert sizes_s("second") == [10, 60, 3600]
    assert sizes_s("slow") == []
    assert sizes_s("unknown") == [1, 10, 60, 3600]
    assert sizes_s("named") == [1, 60]


def test_the_expected_interval_comes_from_the_parameter_else_from_the_pipeline() -> None:
    plant = compiled(
        "assets:\n  - id: a\n    parameters:\n"
        "      [{name: own, expected_interval_s: 3}, {name: polled}, {name: rare}, {name: free}]\n"
        "pipelines:\n  - id: p\n    adapter: x\n    asset: a\n    poll_interval_s: 2\n    config:\n      tags:\n"
        "        - {name: own}\n        - {parameter: polled}\n"
        "        - {name: rare, report: {mode: on_change_or_period, period_s: 300}}\n"
        "        - {name: free, report: {mode: on_change}}\n"
    )

    intervals = [series.parameter for series in plant.declared_series()]
    assert {name: plant.series("default", "default", "a", name).expected_interval_us for name in intervals} == {
        "own": 3_000_000,
        "polled": 2_000_000,
        "rare": 300_000_000,
        "free": 0,
    }


def test_a_pipeline_that_is_not_enabled_tells_no_interval() -> None:
    plant = compiled(
        "assets: [{id: a, parameters: [{name: t}]}]\n"
        "pipelines: [{id: p, adapter: x, asset: a, enabled: false, poll_interval_s: 2, config: {tags: [{name: t}]}}]\n"
    )

    assert plant.series("default", "default", "a", "t").expected_interval_us == 0


def test_the_fields_that_an_asset_sets_win_over_its_machine_type_one_by_one() -> None:
    plant = compiled(
        "machine_types:\n  - id: pump\n    max_readings_per_s: 50\n    parameters:\n"
        "      - {name: t, unit: degC, max_rate: 5, stuck_after_s: 60, range: {min: 0, max: 10, action: suspect}}\n"
        "assets:\n  - {id: a, machine_type: pump}\n"
        "  - {id: b, machine_type: pump, max_readings_per_s: 0, parameters: [{name: t, max_rate: 7}, {name: u}]}\n"
    )
    a, b = (plant.series("default", "default", asset, "t") for asset in "ab")

    assert (a.unit, a.max_rate, a.stuck_after_us, a.minimum, a.maximum) == ("degC", 5.0, 60_000_000, 0.0, 10.0)
    assert (a.max_rate_per_s, a.range_is_bad, a.machine_type) == (50, False, "pump")
    assert (b.unit, b.max_rate, b.max_rate_per_s) == ("degC", 7.0, 0)
    assert [str(series) for series in plant.declared_series()] == [
        "default/default/a/t",
        "default/default/b/t",
        "default/default/b/u",
    ]


def test_two_sites_may_each_have_an_asset_of_the_same_name() -> None:
    plant = compiled(
        "sites: [{id: n, name: North}, {id: s}]\n"
        "assets:\n  - {id: a, site: n, parameters: [{name: t, unit: bar}]}\n"
        "  - {id: a, site: s, parameters: [{name: t, unit: psi}]}\n"
    )

    north, south = plant.series("default", "n", "a", "t"), plant.series("default", "s", "a", "t")
    assert (north.unit, north.site_name) == ("bar", "North")
    assert (south.unit, south.site_name) == ("psi", "s")
    assert not plant.series("default", "x", "a", "t").registered


def test_once_tenants_are_declared_no_other_is_admitted() -> None:
    declared = compiled("tenants: [{id: acme}]\nassets: [{id: a, tenant: acme}]\n")
    open_to_all = compiled("")

    assert declared.admits("acme", "default", "a") is None
    assert declared.admits("acme", "default", "new") is None
    assert declared.admits("umbrella", "default", "a") == "unknown_tenant"
    assert open_to_all.admits("umbrella", "default", "a") is None


def test_what_is_not_registered_is_rejected_when_the_file_says_so() -> None:
    plant = compiled("unregistered: reject\nassets: [{id: a}]\n")

    assert not plant.unregistered_accepted
    assert plant.admits("default", "default", "a") is None
    assert plant.admits("default", "default", "b") == "unregistered"


def test_each_kind_of_condition_becomes_its_rule() -> None:
    above = condition("condition: {above: 90, deadband: 2 %}")
    assert (above.kind, above.low, above.high, above.deadband) == ("above", -inf, 90.0, 1.8)
    below = condition("condition: {below: -50, deadband: 10 %}")
    assert (below.kind, below.low, below.high, below.deadband) == ("below", -50.0, inf, 5.0)
    outside = condition("condition: {outside: [2, 8], deadband: 5%}")
    assert (outside.kind, outside.low, outside.high, round(outside.deadband, 9)) == ("outside", 2.0, 8.0, 0.3)
    inside = condition("condition: {inside: [2, 8], deadband: 1}")
    assert (inside.kind, inside.low, inside.high, inside.deadband) == ("inside", 2.0, 8.0, 1.0)
    rate = condition("condition: {rate_of_change: 3}")
    assert (rate.kind, rate.high) == ("rate_of_change", 3.0)
    no_data = condition("condition: {no_data_s: 30}")
    assert (no_data.kind, no_data.for_us) == ("no_data", 30_000_000)
    quality = condition("condition: {quality_bad_s: 0.5}")
    assert (quality.kind, quality.for_us) == ("quality", 500_000)


def test_a_state_is_compared_as_text() -> None:
    change = condition("on: event, condition: {state: {event: running, from: true, to: 0}}")
    assert (change.kind, change.on, change.event_type) == ("state", "event", "running")
    assert (change.state_from, change.state_to, change.state_is, change.state_is_not) == ("true", "0", None, None)
    state = condition("on: event, condition: {state: {event: status, is_not: idle}}")
    assert (state.state_is_not, state.state_is) == ("idle", None)


def test_delays_severity_and_aggregate_reach_the_rule() -> None:
    rule = condition(
        "severity: HIGH, latched: true, on_delay_s: 1.5, off_delay_s: 2, message: '{asset}', on: aggregate, "
        "aggregate: {size_s: 10, field: p95}, condition: {above: 1}"
    )

    assert (rule.rule_id, rule.type, rule.severity, rule.message, rule.latched) == ("x", "t", "HIGH", "{asset}", True)
    assert (rule.on_delay_us, rule.off_delay_us) == (1_500_000, 2_000_000)
    assert (rule.on, rule.aggregate_size_us, rule.aggregate_field) == ("aggregate", 10_000_000, "p95")


def test_a_rule_holds_for_the_series_that_all_of_its_patterns_match() -> None:
    plant = compiled(
        "assets: [{id: pump-1, parameters: [{name: t}, {name: p}]}]\n"
        "alarms:\n  - {id: one, type: t, asset: pump-*, parameter: t, condition: {above: 1}}\n"
        "  - {id: all, type: t, condition: {no_data_s: 5}}\n"
        "  - {id: off, type: t, enabled: false, condition: {above: 1}}\n"
        "  - {id: event, type: t, on: event, asset: 'pump-[12]', condition: {state: {event: e, is: x}}}\n"
    )

    def rules(asset: str, parameter: str) -> list[str]:
        return [rule.rule_id for rule in plant.series("default", "default", asset, parameter).conditions]

    assert rules("pump-1", "t") == ["one", "all"]
    assert rules("pump-1", "p") == ["all"]
    assert rules("Pump-1", "t") == ["all"]
    assert rules("pump-7", "t") == ["one", "all"]  # also where the asset is not registered
    assert [rule.rule_id for rule in plant.event_rules("default", "default", "pump-2")] == ["event"]
    assert plant.event_rules("default", "default", "pump-3") == ()


def test_a_rule_on_an_aggregate_is_left_out_where_the_series_gets_no_such_window() -> None:
    plant = compiled(
        "assets: [{id: a, parameters: [{name: t, expected_interval_s: 1}, {name: u, expected_interval_s: 60}]}]\n"
        "alarms: [{id: x, type: t, on: aggregate, aggregate: {size_s: 10}, condition: {above: 1}}]\n"
    )

    assert len(plant.series("default", "default", "a", "t").conditions) == 1
    assert plant.series("default", "default", "a", "u").conditions == ()


def test_rules_look_at_the_fields_that_aggregates_have() -> None:
    assert AGGREGATE_FIELDS == NUMBERS


def test_the_example_plant_compiles_with_its_version() -> None:
    plant = compile_topology(load_topology(EXAMPLE), 7)

    assert plant.version == 7
    assert SeriesId("acme", "north-works", "pump-2", "pressure") in plant.declared_series()
    pressure = plant.series("acme", "north-works", "pump-2", "pressure")
    assert (pressure.unit, pressure.expected_interval_us, pressure.canonical_name) == (
        "bar",
        1_000_000,
        "discharge_pressure",
    )
    assert [pipeline.id for pipeline in plant.pipelines][:2] == ["pump-1-modbus", "pump-2-modbus"]
    assert plant.series("acme", "north-works", "pump-2", "pressure") is pressure
