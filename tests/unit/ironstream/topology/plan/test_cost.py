"""What a topology asks for, before and after."""

from __future__ import annotations

from adapters.registry import is_polled
from ironstream.settings import Settings
from ironstream.sinks.registry import SINKS
from ironstream.topics import topic_count, topic_specs
from ironstream.topology import check_text
from ironstream.topology.plan import Cost, SinkCost, plan
from ironstream.topology.running import DEFAULT_POLL_INTERVAL_S

PLANT = """\
version: 1
deployment: {partitions: 6}
windows: [{size_s: 10}, {size_s: 60}]
assets:
  - {id: pump-1, parameters: [{name: temperature}, {name: speed, expected_interval_s: 100, windows_s: [60]}]}
pipelines:
  - {id: polled, adapter: modbus-tcp, asset: pump-1, poll_interval_s: 0.5, config: {tags: [
      {name: temperature, report: {mode: on_change_or_period, period_s: 20}}, {name: extra},
      {name: note, type: STRING}]}}
  - {id: sends, adapter: mqtt, asset: pump-1, config: {tags: [{name: flow}]}}
  - {id: off, adapter: modbus-tcp, asset: pump-1, enabled: false, poll_interval_s: 1, config: {tags: [{name: x}]}}
alarms:
  - {id: any, type: any, condition: {no_data_s: 500}}
  - {id: one, type: one, parameter: speed, condition: {above: 5}}
  - {id: off, type: off, enabled: false, condition: {above: 5}}
sinks:
  - {id: store, kind: postgres, topics: [telemetry.clean, telemetry.1min]}
  - {id: lake, kind: s3-parquet, config: {path: lake}}
  - {id: calls, kind: pagerduty}
  - {id: idle, kind: postgres, enabled: false}
"""


def cost(known: bool = True, text: str = PLANT) -> Cost:
    result = check_text(text.encode())
    assert result.topology is not None, result.faults
    return plan(None, result.topology, sinks=SINKS if known else None, polled=is_polled).cost_after


def test_polls_are_counted_as_if_each_was_sent_and_what_devices_send_is_told_apart() -> None:
    assert (cost().readings_per_s, cost().unpaced_tags) == (4.0, 1)


def test_a_device_that_is_polled_without_being_told_how_often_counts_as_often_as_it_is_asked() -> None:
    made = cost(text=PLANT.replace(" poll_interval_s: 0.5,", ""))

    assert (made.readings_per_s, made.unpaced_tags) == (2 / DEFAULT_POLL_INTERVAL_S, 1)


def test_series_are_those_declared_and_those_delivered() -> None:
    assert cost().series == 4


def test_conditions_are_those_of_enabled_rules_on_declared_series() -> None:
    assert cost().conditions == 3


def test_partitions_are_those_of_every_topic() -> None:
    specs = topic_specs(Settings(partitions=6), [10, 60])

    assert cost().topics == len(specs) == topic_count([10, 60, 10])
    assert cost().partitions == sum(spec.partitions for spec in specs)


def test_each_enabled_sink_gets_the_rows_of_its_topics() -> None:
    # of 10 s: two undeclared series, for with a reading in 20 s temperature has none; of a minute: these, temperature,
    # and speed, which has a reading in 100 s
    tens, minutes = 2 * 8_640, 3 * 1_440 + 864
    store, lake, calls = cost().sinks

    assert store == SinkCost("store", ("telemetry.clean", "telemetry.1min"), 345_600, {60: minutes})
    assert (lake.readings_per_day, lake.aggregates_per_day) == (345_600, {10: tens, 60: minutes})
    assert (calls.readings_per_day, calls.aggregates_per_day) == (0, {})


def test_of_a_kind_that_is_not_known_only_topics_that_are_named_count() -> None:
    assert [sink.topics for sink in cost(known=False).sinks] == [("telemetry.clean", "telemetry.1min"), (), ()]
