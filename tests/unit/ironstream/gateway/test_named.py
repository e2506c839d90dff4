from __future__ import annotations

from dataclasses import replace

from ironstream.gateway.adapter import DeviceAlarm, Fault, Point, Received, Refused, Sample
from ironstream.gateway.named import named

PUMP, NOBODY = Point("pressure", asset_id="pump-1"), Point("pressure", site_id="north")
ALARM = DeviceAlarm("Overheat", True, 5, parameter="motor")


def test_what_names_an_asset_passes_as_it_is() -> None:
    received = Received([Sample(PUMP, 1.0, 5)], [replace(ALARM, asset_id="pump-1")], receipt=7)
    assert named(received) is received


def test_what_names_none_is_left_out_and_told_once_of_each_point_and_kind_of_alarm() -> None:
    refused = Refused("mqtt:x", b"x", "bad", 5)
    received = Received(
        [Sample(NOBODY, 1.0, 5), Sample(PUMP, 2.0, 5), Sample(NOBODY, 3.0, 6)],
        [ALARM, replace(ALARM, active=False)],
        [Fault("protocol", "bad")],
        [refused],
        7,
    )
    kept = named(received)
    assert [sample.value for sample in kept.samples] == [2.0]
    assert not kept.alarms
    assert (list(kept.refused), kept.receipt) == ([refused], 7)
    assert [fault.kind for fault in kept.faults] == ["protocol", "configuration", "configuration"]
    _, point, alarm = (fault.message for fault in kept.faults)
    assert point.startswith("north/pressure has no asset")
    assert alarm.startswith("alarm Overheat of motor has no asset")
