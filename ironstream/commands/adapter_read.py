"""`ironstream adapter test`: does the device of a pipeline give what its configuration asks for?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from ironstream.commands.adapter_pipelines import (
    AdapterOption,
    ConfigOption,
    SetOption,
    pipeline_of,
    shown,
)
from ironstream.commands.options import OutputOption, TopologyOption, export_settings, settings_of
from ironstream.commands.output import Output, err, print_json, print_table
from ironstream.commands.redacted import without_secrets

if TYPE_CHECKING:
    from ironstream.gateway.adapter import DeviceAlarm, Point, Received, Sample


def read(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Id of a pipeline of topology.yaml.")] = None,
    wait_s: Annotated[
        float, typer.Option("--wait", metavar="S", help="Longest wait for a device that speaks by itself.", min=0.1)
    ] = 10.0,
    adapter: AdapterOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    topology: TopologyOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Connect to the device of one pipeline and read every tag once; nothing is sent to Kafka.

    A device that speaks by itself is listened to until every tag has come, or --wait has passed. The exit code is 0
    when every tag gave a value and nothing failed.

    Examples:

      ironstream adapter test pump-1-modbus

      ironstream adapter test press-1-mqtt --wait 30
    """
    export_settings(topology=topology)
    from adapters.__main__ import settings_from_environment
    from adapters.registry import ADAPTERS
    from ironstream.gateway.build import build
    from ironstream.gateway.once import read_once

    pipeline = pipeline_of(settings_of().topology, name, adapter, config, set_ or [])
    settings = settings_from_environment()

    async def once() -> tuple[Sequence[Point], Received]:
        (built,) = await build([pipeline], ADAPTERS, settings)
        with without_secrets(built.redact):
            received = await read_once(built.adapter, wait_s)
        for fault in received.faults:
            faults[built.redact(fault.message)] = None
        return built.adapter.points, received

    faults: dict[str, None] = {}
    points, received = asyncio.run(once())
    samples = [_of_sample(sample, pipeline.asset_id) for sample in received.samples]
    alarms = [_of_alarm(alarm, pipeline.asset_id) for alarm in received.alarms]
    came = {sample.point.key for sample in received.samples}
    silent = [point.key for point in points if point.key not in came]
    if output is Output.JSON:
        print_json(
            {"pipeline": pipeline.id, "samples": samples, "alarms": alarms, "silent": silent, "faults": list(faults)}
        )
    else:
        _print(pipeline.id, samples, alarms)
        for key in silent:
            err().print(Text("silent: ", style="yellow") + Text(f"{key} has not come; --wait S waits longer"))
        for fault in faults:
            err().print(Text("fault: ", style="yellow") + Text(fault))
    if faults or silent or not (samples or alarms):
        raise typer.Exit(1)


def _of_sample(sample: Sample, asset: str | None) -> dict[str, Any]:
    from ironstream.gateway.envelope import iso

    return {
        "asset": sample.point.asset_id or asset,
        "parameter": sample.parameter,
        "value": sample.value,
        "unit": sample.point.unit,
        "quality": sample.quality.name,
        "reason": sample.reason,
        "time": iso(sample.time_us),
    }


def _of_alarm(alarm: DeviceAlarm, asset: str | None) -> dict[str, Any]:
    from ironstream.gateway.envelope import iso

    return {
        "asset": alarm.asset_id or asset,
        "type": alarm.type,
        "state": "ACTIVE" if alarm.active else "CLEARED",
        "severity": alarm.severity.name,
        "message": alarm.message,
        "parameter": alarm.parameter,
        "value": alarm.value,
        "threshold": alarm.threshold,
        "time": iso(alarm.gateway_time_us if alarm.device_time_us is None else alarm.device_time_us),
    }


def _print(name: str, samples: Sequence[Mapping[str, Any]], alarms: Sequence[Mapping[str, Any]]) -> None:
    title = f"{name}: {len(samples)} value{'' if len(samples) == 1 else 's'}"
    columns = ("asset", "parameter", "value", "unit", "quality", "reason", "time")
    print_table(title, columns, [shown(sample) for sample in samples])
    if alarms:
        print_table(f"{len(alarms)} alarms of the device", list(alarms[0]), [shown(alarm) for alarm in alarms])
