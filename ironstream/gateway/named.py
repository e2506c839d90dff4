"""Records without an asset: nobody downstream could say whose they are, and no one else shall suffer for them."""

from __future__ import annotations

from ironstream.gateway.adapter import DeviceAlarm, Fault, Point, Received

_KIND = "configuration"


def named(received: Received) -> Received:
    """What of a read names an asset. The rest is left out, with a fault for each point and kind of alarm.

    Only for a pipeline that has no asset itself.
    """
    samples = [sample for sample in received.samples if sample.point.asset_id is not None]
    alarms = [alarm for alarm in received.alarms if alarm.asset_id is not None]
    if len(samples) == len(received.samples) and len(alarms) == len(received.alarms):
        return received
    points = {sample.point.key: sample.point for sample in received.samples if sample.point.asset_id is None}
    messages = [_of_point(point) for point in points.values()]
    messages += dict.fromkeys(_of_alarm(alarm) for alarm in received.alarms if alarm.asset_id is None)
    faults = [*received.faults, *(Fault(_KIND, message) for message in messages)]
    return Received(samples, alarms, faults, received.refused, received.receipt)


def _of_point(point: Point) -> str:
    return f"{point.key} has no asset and is not sent: give the pipeline one, or the tag or pattern that reads it"


def _of_alarm(alarm: DeviceAlarm) -> str:
    source = f" of {alarm.parameter}" if alarm.parameter else ""
    return f"alarm {alarm.type}{source} has no asset and is not sent: give the pipeline one, or the source of the alarm"
