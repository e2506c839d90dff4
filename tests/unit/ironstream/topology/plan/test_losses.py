"""What a plan says is lost, and how much is touched."""

from __future__ import annotations

import pytest

from ironstream.topology import check_text
from ironstream.topology.model import Topology
from ironstream.topology.plan import Plan, plan

PLANT = """\
version: 1
deployment: {partitions: 12}
unregistered: accept
windows: [{size_s: 1}, {size_s: 10, late_retention_s: 600}, {size_s: 60}]
tenants: [{id: acme}, {id: zeta}]
machine_types:
  - {id: pump, parameters: [{name: temperature, unit: degC}, {name: speed, windows_s: [10, 60]}]}
assets:
  - {id: pump-1, tenant: acme, machine_type: pump}
  - {id: pump-2, tenant: acme, machine_type: pump}
  - {id: tank-1, tenant: zeta, parameters: [{name: level, unit: percent}]}
alarms:
  - {id: hot, type: hot, asset: "pump-*", parameter: temperature, condition: {above: 90}}
  - {id: slow, type: slow, asset: "*", parameter: speed, on: aggregate, aggregate: {size_s: 10}, condition: {below: 5}}
  - {id: trip, type: trip, asset: "pump-*", on: event, condition: {state: {event: tripped, is: true}}}
"""


def topology(*changes: tuple[str, str]) -> Topology:
    text = PLANT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    result = check_text(text.encode())
    assert result.topology is not None, result.faults
    return result.topology


def planned(*changes: tuple[str, str]) -> Plan:
    return plan(topology(), topology(*changes))


def test_what_only_adds_and_sharpens_loses_nothing() -> None:
    made = planned(("unit: degC}", "unit: degC, range: {max: 120}}"), ("above: 90", "above: 95"))

    assert made.losses == ()
    assert not made.needs_flag
    assert (made.counts.series, made.counts.alarms, made.counts.conditions_cleared) == (2, 1, 0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            ("{size_s: 60}]", "{size_s: 60}, {size_s: 3600}]"),
            None,
        ),
        (
            ("late_retention_s: 600", "late_retention_s: 60"),
            "Closed windows of 10 s are forgotten after 60 s and no longer after 600 s: "
            "readings that are later restate nothing.",
        ),
        (
            ("windows_s: [10, 60]", "windows_s: [10]"),
            "No more windows of 60 s for 2 declared series: the open ones hold only what came until then.",
        ),
        (
            ("{id: hot, ", "{id: hot, enabled: false, "),
            "Alarm rule hot is disabled: what it has raised is cleared, on 2 series.",
        ),
        (
            ("{id: trip, ", "{id: trap, "),
            "Alarm rule trip is removed: what it has raised is cleared, on 2 assets.",
        ),
        (
            ('"pump-*", parameter: t', "pump-1, parameter: t"),
            "Alarm rule hot no longer watches 1 series: what it has raised there is cleared.",
        ),
        (
            ("degC", "degF"),
            "Parameter temperature goes from degC to degF on 2 series: what is stored, and windows that are open, are "
            "in degC, and nothing converts them.",
        ),
        (
            ("degC", "bar"),
            "Parameter temperature goes from degC to bar, which measures something else, on 2 series: what is stored, "
            "and windows that are open, are in degC, and nothing converts them.",
        ),
        (
            ("  - {id: pump-2, tenant: acme, machine_type: pump}\n", ""),
            "1 asset with 2 series is no longer declared, acme/default/pump-2: units, limits and intervals are gone, "
            "their readings are taken as those of unknown assets, and the state stays as it is.",
        ),
        (
            (", {name: speed, windows_s: [10, 60]}", ""),
            "Parameter speed is no longer declared on 2 assets: its unit, limits and interval are gone, its readings "
            "are taken as they come.",
        ),
        (
            ("accept", "reject"),
            "Readings of assets that are not declared are refused from now on.",
        ),
        (
            ("partitions: 12", "partitions: 24"),
            "Partitions go from 12 to 24: topics that exist keep theirs, and with more of them an asset's state would "
            "be in another place than its readings.",
        ),
    ],
)  # fmt: skip
def test_each_loss_is_a_sentence_and_asks_for_a_flag(change: tuple[str, str], sentence: str | None) -> None:
    made = planned(change)

    assert made.losses == (() if sentence is None else (sentence,))
    assert made.needs_flag == (sentence is not None)


def test_a_window_size_that_is_removed_takes_the_rules_on_it_along() -> None:
    made = planned(
        ("{size_s: 10, late_retention_s: 600}, ", ""), ("[10, 60]", "[60]"), ("{size_s: 10}", "{size_s: 60}")
    )

    assert made.losses == (
        "Windows of 10 s are given up, for 5 declared series and all that are not declared: "
        "those that are open are never told, and closed ones are no longer restated.",
    )
    assert made.counts.series == 5


def test_a_rule_on_an_aggregate_is_given_up_where_a_series_no_longer_gets_it() -> None:
    made = planned(("windows_s: [10, 60]", "windows_s: [60]"), ("aggregate: {size_s: 10}", "aggregate: {size_s: 60}"))

    assert made.counts.conditions_cleared == 0
    assert made.counts.alarms == 1


def test_a_tenant_that_is_gone_and_one_that_is_the_first_refuse_others() -> None:
    without = (("tenants: [{id: acme}, {id: zeta}]", ""),)
    one = (
        ("tenants: [{id: acme}, {id: zeta}]", "tenants: [{id: acme}]"),
        ("  - {id: tank-1, tenant: zeta, parameters: [{name: level, unit: percent}]}\n", ""),
    )

    assert planned(*one).losses[0] == ("Readings of zeta are refused from now on: no such tenant is declared any more.")
    assert plan(topology(*without), topology()).losses == (
        "Tenants are declared for the first time: readings of all but acme, zeta are refused from now on.",
    )


def test_an_asset_that_is_no_longer_declared_is_still_watched_by_name() -> None:
    made = planned(("  - {id: pump-2, tenant: acme, machine_type: pump}\n", ""))

    assert made.counts.conditions_cleared == 0
    assert made.counts.alarms == 3
    assert made.counts.series == 2


def test_fields_of_a_type_that_every_asset_overrules_touch_no_series() -> None:
    own = (
        ("{id: pump-1, tenant: acme, machine_type: pump}",
         "{id: pump-1, tenant: acme, machine_type: pump, parameters: [{name: temperature, max_step: 1}]}"),
        ("{id: pump-2, tenant: acme, machine_type: pump}",
         "{id: pump-2, tenant: acme, machine_type: pump, parameters: [{name: temperature, max_step: 1}]}"),
    )  # fmt: skip

    made = plan(topology(*own), topology(*own, ("unit: degC}", "unit: degC, max_step: 2}")))

    (item,) = made.items
    assert (item.name, item.effect, item.series) == ("pump/temperature", "none", 0)
    assert made.counts.series == 0


def test_times_touch_every_series() -> None:
    made = planned(("unregistered: accept", "times: {skew_suspect_s: 7}"))

    assert made.counts.series == 5
    assert [item.kind for item in made.items] == ["times"]
