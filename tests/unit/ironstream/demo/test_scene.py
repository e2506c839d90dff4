"""What counts as seen, and that stale values never look fresh."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from ironstream.contract import Topic
from ironstream.demo.scene import Milestone, Scene
from ironstream.demo.summary import print_summary
from ironstream.demo.view import draw
from tests.support.engine import MemoryRecord

T0_US = 1_700_000_000_000_000
T0 = "2023-11-14T22:13:20.000Z"


def take(
    scene: Scene, topic: str, value: dict[str, Any], at_s: float = 1.0, headers: Any = (), key: bytes = b"key"
) -> None:
    record = MemoryRecord(0, T0_US // 1000, key, msgspec.json.encode(value), headers)
    scene.take(topic, record, at_s, T0_US)


def reading(**fields: Any) -> dict[str, Any]:
    base = {"asset_id": "pump-1", "parameter": "temperature", "value": 71.5, "unit": "degC", "quality": "GOOD"}
    return base | {"timestamps": {"gateway_time": T0}} | fields


def transition(state: str, occurrence: str = "one") -> dict[str, Any]:
    return {
        "alarm_id": "a/b/pump-1/overheat/rule:hot/temperature", "occurrence_id": occurrence, "asset_id": "pump-1",
        "type": "overheat", "severity": "CRITICAL", "message": "hot", "state": state, "time": T0,
    }  # fmt: skip


def drawn(scene: Scene, now_us: int, width: int = 150, height: int = 40) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, record=True, force_terminal=False)
    console.print(draw(scene, 1.0, now_us, width=width, height=height))
    return console.export_text()


def test_nothing_has_been_seen_at_first() -> None:
    assert Scene().missing == list(Milestone)


def test_each_protocol_is_seen_by_the_values_of_its_own_asset() -> None:
    scene = Scene()
    take(scene, Topic.TELEMETRY_CLEAN, reading())
    take(scene, Topic.TELEMETRY_CLEAN, reading(asset_id="boiler-1", value=None, quality="BAD"))
    assert {Milestone.OPC_UA, Milestone.MQTT} <= set(scene.missing)

    take(scene, Topic.TELEMETRY_CLEAN, reading(asset_id="boiler-1"))
    assert Milestone.OPC_UA in scene.milestones
    assert Milestone.MQTT in scene.missing

    take(scene, Topic.TELEMETRY_CLEAN, reading(asset_id="press-1"))
    assert Milestone.MQTT in scene.milestones


def test_an_alarm_counts_when_one_occurrence_passes_all_three_states() -> None:
    scene = Scene()
    for state in ("ACTIVE", "ACKNOWLEDGED", "CLEARED"):
        take(scene, Topic.ALARMS_CLEAN, transition(state))

    assert {Milestone.ACTIVE, Milestone.ACKNOWLEDGED, Milestone.CLEARED} <= scene.milestones.keys()


def test_an_alarm_that_clears_by_itself_is_no_acknowledged_one() -> None:
    scene = Scene()
    take(scene, Topic.ALARMS_CLEAN, transition("ACTIVE"))
    take(scene, Topic.ALARMS_CLEAN, transition("CLEARED"))
    take(scene, Topic.ALARMS_CLEAN, transition("ACTIVE", "two"))

    assert Milestone.CLEARED in scene.missing
    assert Milestone.ACKNOWLEDGED in scene.missing


def test_a_dead_letter_counts_with_a_reason_only() -> None:
    scene = Scene()
    take(scene, Topic.DLQ_TELEMETRY, {})
    assert Milestone.DEAD_LETTER in scene.missing

    take(scene, Topic.DLQ_TELEMETRY, {}, headers=[("dlq-reason", b"malformed")])
    assert Milestone.DEAD_LETTER in scene.milestones


def test_only_the_surplus_of_the_device_that_babbles_for_the_scene_is_said_to_be_on_purpose() -> None:
    scene, said = Scene(), io.StringIO()
    limited = [("dlq-reason", b"rate_limited")]
    take(scene, Topic.DLQ_TELEMETRY, {}, headers=limited, key=b"acme/south-depot/flowmeter-1")
    assert "on purpose: flowmeter-1 babbles" in drawn(scene, T0_US)

    take(scene, Topic.DLQ_TELEMETRY, {}, headers=limited, key=b"acme/north-works/pump-1")
    take(scene, Topic.DLQ_TELEMETRY, {}, headers=[("dlq-reason", b"range")], key=b"acme/south-depot/flowmeter-1")
    print_summary(Console(file=said, width=200), scene, 1.0)
    assert "on purpose" not in drawn(scene, T0_US)
    assert "1 of them are on purpose: flowmeter-1 babbles" in said.getvalue()


def test_an_event_of_a_babbling_device_names_its_limit() -> None:
    scene = Scene()
    event = {"asset_id": "pump-1", "type": "rate_limited", "timestamps": {"kafka_time": T0}}
    take(scene, Topic.EVENTS_CLEAN, event | {"details": {"max_readings_per_s": 10}})

    assert "rate_limited max_readings_per_s 10" in drawn(scene, T0_US)


def test_a_late_reading_does_not_displace_a_newer_one() -> None:
    scene = Scene()
    take(scene, Topic.TELEMETRY_CLEAN, reading())
    take(scene, Topic.TELEMETRY_CLEAN, reading(value=1.0, timestamps={"gateway_time": "2023-11-14T22:13:19.000Z"}))

    assert scene.series["pump-1", "temperature"].value == 71.5


def test_a_value_that_is_not_renewed_is_shown_as_stale() -> None:
    scene = Scene()
    take(scene, Topic.TELEMETRY_CLEAN, reading())

    assert "STALE" not in drawn(scene, T0_US + 1_000_000)
    assert "STALE" in drawn(scene, T0_US + 9_000_000)


@pytest.mark.parametrize(("width", "height"), [(20, 8), (80, 24), (150, 40), (300, 100)])
def test_a_terminal_of_any_size_is_drawn_for(width: int, height: int) -> None:
    scene = Scene()
    for asset in range(20):
        take(scene, Topic.TELEMETRY_CLEAN, reading(asset_id=f"pump-{asset}"))
        take(scene, Topic.ALARMS_CLEAN, transition("ACTIVE") | {"alarm_id": f"a/b/pump-{asset}/x/y/z"})

    assert drawn(scene, T0_US, width, height).count("\n") <= height + 1


@pytest.mark.parametrize("width", [80, 125, 200])
def test_what_was_seen_is_named_whole_however_wide_the_terminal_is(width: int) -> None:
    shown = drawn(Scene(), T0_US, width, 40)

    assert all(f"· {milestone}" in shown for milestone in Milestone)
