"""The telemetry agent against an oracle that takes one record at a time and shares no code with it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.engine import MemoryRecord
from tests.support.oracle.agree import disagreements
from tests.support.oracle.rules import Condition, Rules, SeriesRule, Size
from tests.support.oracle.wire import us_of
from tests.support.telemetry import START_US, Log, Outcome, Wanted, expected, message, run, topology_of

TOPOLOGY = """
version: 1
windows:
  - {size_s: 1, grace_s: 2, late_retention_s: 60}
  - {size_s: 10, grace_s: 5, late_retention_s: 120}
  - {size_s: 60, grace_s: 10, late_retention_s: 600}
sites: [{id: default}]
assets:
  - id: pump
    max_readings_per_s: 9
    parameters:
      - {name: temperature, unit: degC, expected_interval_s: 1, range: {min: 0, max: 100, action: bad}, max_step: 20,
         stuck_after_s: 5, windows_s: [1, 10, 60]}
      - {name: pressure, unit: bar, range: {min: 0, max: 90, action: suspect}, max_rate: 30}
alarms:
  - {id: hot, type: hot, severity: HIGH, parameter: temperature, condition: {above: 60, deadband: 5}, on_delay_s: 2,
     off_delay_s: 1}
  - {id: cold, type: cold, severity: LOW, parameter: temperature, condition: {below: 15, deadband: 10}}
  - {id: band, type: band, severity: LOW, parameter: pressure, condition: {inside: [25, 40], deadband: 5},
     on_delay_s: 1}
  - {id: out, type: out, severity: LOW, parameter: pressure, condition: {outside: [10, 80], deadband: 5},
     off_delay_s: 3}
  - {id: fast, type: fast, severity: LOW, parameter: pressure, condition: {rate_of_change: 20}}
  - {id: quiet, type: quiet, severity: LOW, asset: pump, condition: {no_data_s: 5}}
  - {id: dead, type: dead, severity: LOW, asset: pump, condition: {quality_bad_s: 1}}
"""
ON_ALL = (Condition("quiet", "no_data", for_s=5), Condition("dead", "quality", for_s=1))
HOT = Condition("hot", high=60, deadband=5, on_delay_s=2, off_delay_s=1)
COLD = Condition("cold", low=15, deadband=10)
RULES = Rules(
    (Size(1, 2, 60), Size(10, 5, 120), Size(60, 10, 600)),
    {
        "default/default/pump/temperature": SeriesRule(
            unit="degC", convert={"degF": lambda value: (value - 32) * 5 / 9},
            low=0, high=100, max_step=20, stuck_s=5, interval_s=1, conditions=(HOT, COLD, *ON_ALL),
        ),
        "default/default/pump/pressure": SeriesRule(
            unit="bar", low=0, high=90, range_is_bad=False, max_rate=30,
            conditions=(
                Condition("band", "inside", low=25, high=40, deadband=5, on_delay_s=1),
                Condition("out", low=10, high=80, deadband=5, off_delay_s=3),
                Condition("fast", "rate_of_change", high=20),
                *ON_ALL,
            ),
        ),
        "default/default/tank/temperature": SeriesRule(conditions=(HOT, COLD)),
    },
    {"default/default/pump": 9},
)  # fmt: skip
topology = topology_of(TOPOLOGY)
START_S = START_US // 1_000_000

values = st.one_of(
    st.integers(0, 16).map(lambda step: step * 6.25),
    st.floats(0, 100, allow_nan=False).map(lambda value: round(value, 3)),
    st.sampled_from([None, -5.0, 50.0, 50.0, 95.0, 500.0, True, 1e9]),
)
steps = st.tuples(
    st.sampled_from([("pump", "temperature"), ("pump", "temperature"), ("pump", "pressure"), ("tank", "temperature")]),
    # ms to the next device time
    st.sampled_from([100, 137, 200, 700, 1000, 1000, 1000, 2500, 9000, -1500, -1700, -20_000, -150_000, -700_000]),
    values,
    st.sampled_from([*["next"] * 6, "repeat", "skip", "no seq", "boot", "old boot", "malformed", "tick", "tick"]),
    st.sampled_from([1, 50, 400, 1500, 7000]),  # ms to the next append
    st.sampled_from(
        [*["plain"] * 8, "device bad", "device suspect", "no device time", "no gateway", "skew", "far", "ahead", "degF"]
    ),
)


def log_of(plan: list[Any]) -> list[MemoryRecord]:
    """Records of a plan, and ticks at the end that close every window."""
    log, now_s, boot = Log(), 0.0, 0
    newest: dict[Any, int] = {}
    seqs: Counter[Any] = Counter()
    for at, (series, step_ms, value, kind, append_ms, how) in enumerate(plan):
        now_s += append_ms / 1000
        if kind == "tick":
            log.tick(now_s)
            continue
        if kind == "malformed":
            log.add(now_s, b'{"asset_id": "pump", "parameter": 5}')
            continue
        # a few µs that no other reading has: the order of equal times is nobody's promise
        time_us = newest.get(series, 0) + step_ms * 1000 + (0 if kind == "repeat" else at)
        newest[series] = max(newest.get(series, 0), time_us)
        boot += kind == "boot"
        run_of = f"b{max(boot - (kind == 'old boot'), 0)}"
        seqs[series, run_of] += {"repeat": 0, "skip": 3, "no seq": 0}.get(kind, 1)
        more: dict[str, Any] = {}
        if kind != "no seq":
            more = {"boot": run_of, "seq": max(seqs[series, run_of], 1)}
        log.add(now_s, body_of(series, time_us, value, how, more))
    for after_s in (1, 10_000, 10_001, 10_002):
        log.tick(now_s + after_s)
    return log.records


def body_of(series: tuple[str, str], time_us: int, value: Any, how: str, more: dict[str, Any]) -> dict[str, Any]:
    lag_s = {"skew": 7, "far": -30, "ahead": -3700}.get(how, 0.003)
    body = message(time_us / 1_000_000, value, lag_s=lag_s, **more)
    body |= {"asset_id": series[0], "parameter": series[1]}
    if how == "no device time":
        del body["timestamps"]["device_time"]
    if how == "no gateway":
        del body["timestamps"]["gateway_time"]
    if how.startswith("device "):
        body["quality"] = how.removeprefix("device ").upper()
    if how == "degF" and series == ("pump", "temperature"):
        body["unit"] = "degF"
    return body


def assert_same_fates(got: Outcome, want: Wanted) -> None:
    for offset, (fate, code, reasons, value) in want.fates.items():
        found = "clean" if offset in got.clean else "dlq" if offset in got.dlq else "duplicate"
        assert found == fate, (offset, fate, reasons)
        if fate == "clean":
            said = got.clean[offset]
            assert (said["quality"], set(said.get("quality_reasons", ()))) == (code, reasons)
            assert said["value"] == (value if value is None else pytest.approx(value, rel=1e-12))
        if fate == "dlq":
            assert {got.reason(offset)} == reasons


def assert_same_windows(got: Outcome, want: Wanted) -> None:
    assert got.windows.keys() == want.windows.keys()
    for key, window in want.windows.items():
        _, size, number = key
        assert disagreements(got.windows[key], window.fields((number + 1) * size), late=window.late) == []
        assert [one["revision"] for one in got.revisions[key]] == list(range(len(got.revisions[key])))


def assert_same(got: Outcome, want: Wanted) -> None:
    assert_same_fates(got, want)
    assert_same_windows(got, want)
    events = Counter(
        (said["type"], said["asset_id"], said.get("parameter"), us_of(said["timestamps"]["device_time"]))
        for said in got.events
    )
    assert events == Counter(want.events)
    changes = Counter(
        (said["rule_id"], (said["asset_id"], said["parameter"]), said["number"], said["state"] == "ACTIVE",
         us_of(said["time"]))
        for said in got.changes
    )  # fmt: skip
    assert changes == Counter(want.changes)


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, min_size=1, max_size=100), st.lists(st.integers(1, 110), max_size=6), st.booleans())
def test_any_log_comes_out_as_the_oracle_says_however_it_is_cut(
    plan: list[Any], cuts: list[int], restart: bool
) -> None:
    records = log_of(plan)
    assert_same(run(records, topology, cuts, restart=restart), expected(records, RULES))


def aggregates(got: Outcome, size_s: int, at_s: int) -> list[tuple[int, int, float]]:
    """Revision, count and average of each emission of a window of pump's temperature."""
    said = got.revisions[("pump", "temperature"), size_s * 1_000_000, (START_S + at_s) // size_s]
    return [(one["revision"], one["aggregates"]["count"], one["aggregates"]["avg"]) for one in said]


@pytest.mark.parametrize("cuts", [(), (1,), (2,), (3,), (1, 2, 3)])
def test_a_reading_that_is_late_for_a_window_closed_just_before_it_restates_that_window(cuts: tuple[int, ...]) -> None:
    log = Log()
    for at_s, value in ((0.1, 10.0), (9.0, 10.0), (0.5, 30.0)):
        log.add(at_s, message(at_s, value, len(log.records) + 1))
    log.tick(10)
    assert aggregates(run(log.records, topology, cuts), 1, 0) == [(0, 1, 10.0), (1, 2, 20.0)]


def test_what_a_device_kept_while_it_was_cut_off_restates_the_windows_that_its_silence_closed() -> None:
    log = Log()
    log.add(3.1, message(3.1, 10.0, 1))
    log.tick(30)
    for at_s in (4.1, 5.1, 20.1, 90.1):
        log.add(31, message(at_s, 20.0, len(log.records)))
    log.tick(32)
    got = run(log.records, topology)
    assert aggregates(got, 10, 0) == [(0, 1, 10.0), (1, 3, pytest.approx(50 / 3))]
    assert aggregates(got, 60, 0) == [(0, 4, 17.5)]


def test_a_reading_late_for_the_small_window_is_counted_once_in_the_large_ones() -> None:
    log = Log()
    for at_s in (0.1, 4.1, 0.5, 100.0):
        log.add(4.2, message(at_s, 10.0, len(log.records) + 1))
    got = run(log.records, topology)
    assert [aggregates(got, size_s, 0) for size_s in (10, 60)] == [[(0, 3, 10.0)], [(0, 3, 10.0)]]


def test_a_reading_beyond_late_retention_is_told_and_restates_only_the_sizes_that_still_can() -> None:
    log = Log()
    for at_s in (0.1, 100.0, 0.5):
        log.add(4.2, message(at_s, 10.0, len(log.records) + 1))
    log.tick(5)
    got = run(log.records, topology)
    assert aggregates(got, 1, 0) == [(0, 1, 10.0)]
    assert aggregates(got, 10, 0) == [(0, 1, 10.0), (1, 2, 10.0)]
    assert [said["details"] for said in got.events if said["type"] == "too_late"] == [{"late_by_ms": 99500}]


def test_a_window_of_bad_readings_alone_is_told_without_values() -> None:
    log = Log()
    for at_s, value in ((0.1, None), (9.0, 10.0), (1.5, None)):
        log.add(at_s, message(at_s, value, len(log.records) + 1))
    log.tick(10)
    got = run(log.records, topology)
    for at_s in (0, 1):
        (said,) = got.revisions[("pump", "temperature"), 1_000_000, START_S + at_s]
        assert said["quality_summary"]["bad"] == 1
        assert said["aggregates"] == dict.fromkeys(said["aggregates"]) | {"count": 0}


def test_numbers_near_the_end_of_all_floats_raise_nothing() -> None:
    log = Log()
    for at in range(300):
        log.add(0, message(at / 100, (-1) ** at * 1.7e308, at + 1) | {"asset_id": "tank"})
    log.tick(1000)
    got = run(log.records, topology)
    assert len(got.clean) == 300
    assert got.windows[("tank", "temperature"), 10_000_000, START_S // 10]["aggregates"]["max"] == 1.7e308


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"value": 500.0, "unit": "furlong"}, "range"),
        ({"value": 500.0, "quality": "WORN"}, "range"),
        ({"value": 50.0, "quality": "BAD", "lag_s": 7}, "device_quality"),
        ({"value": None, "unit": "furlong"}, "not_a_number"),
        ({"value": 50.0, "lag_s": -4000, "quality": "WORN"}, "time_out_of_range"),
    ],
)
def test_a_dead_letter_names_what_made_the_reading_bad_not_what_made_it_doubtful(
    more: dict[str, Any], reason: str
) -> None:
    log = Log()
    log.add(0, message(0, seq=1, **more))
    assert run(log.records, topology).reason(0) == reason


def test_the_surplus_of_a_babbling_device_is_refused_and_leaves_no_trace_in_windows() -> None:
    log = Log()
    for at in range(12):
        log.add(0.5, message(at / 100, 50.0, at + 1))
    log.add(3600, message(1.0, 50.0, 13))
    log.tick(8000)
    got = run(log.records, topology)
    assert [got.reason(offset) for offset in sorted(got.dlq)] == ["rate_limited"] * 3
    assert aggregates(got, 1, 0) == [(0, 9, 50.0)]
    assert [said["type"] for said in got.events] == ["rate_limited"]


def test_a_dead_sensor_beyond_the_limit_is_refused_for_the_limit() -> None:
    log = Log()
    for at in range(10):
        log.add(0.5, message(at / 100, None, at + 1, quality="BAD"))
    got = run(log.records, topology)
    assert [got.reason(offset) for offset in got.dlq] == ["rate_limited"]


def test_a_series_without_a_declared_unit_is_aggregated_in_the_unit_of_its_first_reading() -> None:
    log = Log()
    for at_s, value, unit in ((0.1, 1.0, "bar"), (0.2, 100.0, "kPa"), (0.3, 1.0, None), (0.4, 1.0, "furlong")):
        log.add(0, message(at_s, value, unit=unit) | {"asset_id": "tank", "parameter": "level"})
    log.tick(1000)
    for cuts in ((), (1, 2, 3, 4)):
        got = run(log.records, topology, cuts)
        said = got.windows[("tank", "level"), 1_000_000, START_S]
        assert (said["unit"], said["aggregates"]["avg"]) == ("bar", pytest.approx(1.0))
        assert [(one["value"], one.get("unit")) for one in got.clean.values()] == [
            (1.0, "bar"), (100.0, "kPa"), (1.0, None), (1.0, "furlong"),
        ]  # fmt: skip
        assert got.clean[3]["quality_reasons"] == ["unit_mismatch"]


def test_what_a_device_says_of_reasons_and_enrichment_is_replaced_by_what_was_found() -> None:
    log = Log()
    log.add(0, message(0, True, 1, quality_reasons=["stuck"], site_name="x", clock_skew_ms=9, tenant_id="", site_id=""))
    said = run(log.records, topology).clean[0]
    assert "quality_reasons" not in said
    assert (said["value"], said["clock_skew_ms"], said["tenant_id"], said["site_id"]) == (1, 0, "default", "default")


def test_a_rate_is_told_between_measured_values_and_never_from_a_bad_one() -> None:
    log = Log()
    for at_s, value, quality in ((0, 50.0, "GOOD"), (1, 5000.0, "BAD"), (2, 50.0, "GOOD"), (3, 80.0, "GOOD")):
        log.add(at_s, message(at_s, value, at_s + 1, parameter="pressure", quality=quality))
    changes = [(said["rule_id"], said["value"]) for said in run(log.records, topology).changes]
    assert ("fast", 30.0) in changes
    assert [rule for rule, _ in changes].count("fast") == 1


def test_an_alarm_on_an_aggregate_names_the_reading_that_closed_the_window() -> None:
    alarm = "alarms:\n  - {id: m, type: m, severity: LOW, parameter: temperature, on: aggregate, "
    alarm += "aggregate: {size_s: 1, field: avg}, condition: {above: 40, deadband: 10}}\n"
    windows = "windows: [{size_s: 1, grace_s: 2, late_retention_s: 60}]\n"
    log = Log()
    for at_s, value in enumerate([50.0, 35.0, 20.0, 20.0, 20.0, 20.0, 20.0]):
        log.add(at_s, message(at_s, value, at_s + 1))
    got = run(log.records, topology_of("version: 1\nsites: [{id: default}]\n" + windows + alarm))
    assert [(said["state"], said["value"], said["evidence"]["offset"]) for said in got.changes] == [
        ("ACTIVE", 50.0, 3),
        ("CLEARED", 20.0, 5),
    ]
