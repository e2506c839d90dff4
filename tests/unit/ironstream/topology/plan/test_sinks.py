"""What becomes of sinks, also when nothing of their own has changed."""

from __future__ import annotations

from ironstream.sinks.registry import SINKS
from ironstream.topology import check_text
from ironstream.topology.model import Topology
from ironstream.topology.plan import Item, plan

PLANT = """\
version: 1
deployment: {name: north}
windows: [{size_s: 1}, {size_s: 10}]
sinks:
  - {id: all, kind: s3-parquet, config: {path: lake}}
  - {id: named, kind: s3-parquet, topics: [telemetry.1s], config: {path: lake-2}}
  - {id: idle, kind: s3-parquet, enabled: false, config: {path: lake-3}}
"""


def topology(old: str = "", new: str = "") -> Topology:
    result = check_text(PLANT.replace(old, new).encode() if old else PLANT.encode())
    assert result.topology is not None, result.faults
    return result.topology


def sinks(old: str, new: str) -> list[Item]:
    return [item for item in plan(topology(), topology(old, new), sinks=SINKS).items if item.kind == "sink"]


def test_a_new_window_size_restarts_the_sinks_that_take_all_of_them() -> None:
    (item,) = sinks("{size_s: 10}", "{size_s: 10}, {size_s: 60}")

    assert (item.name, item.effect) == ("all", "restart")
    (field,) = item.fields
    assert set(field.after) - set(field.before) == {"telemetry.1min"}


def test_another_name_of_the_deployment_restarts_every_sink_that_runs() -> None:
    assert [(item.name, item.effect) for item in sinks("north", "south")] == [("all", "restart"), ("named", "restart")]


def test_a_sink_is_restarted_for_a_field_of_its_own_and_switched_by_enabled() -> None:
    (changed,) = sinks("path: lake-2", "path: lake-4")
    (switched,) = sinks("enabled: false", "enabled: true")
    (idle,) = sinks("path: lake-3", "path: lake-5")

    assert (changed.name, changed.effect, changed.fields[0].field) == ("named", "restart", "config.path")
    assert (switched.name, switched.effect) == ("idle", "start")
    assert (idle.name, idle.effect) == ("idle", "none")
