"""Clean topics as the real agents write them, in memory: what a sink is given."""

from __future__ import annotations

from collections.abc import Sequence

from agents.alarms import logic_factory as alarms_of
from agents.events import logic_factory as events_of
from agents.telemetry import TelemetryPartition
from agents.telemetry_wire import Wire
from ironstream.codec import NO_SCHEMAS
from ironstream.engine.api import PartitionLogic
from ironstream.schemas import Schemas
from ironstream.topology.compile import CompiledTopology
from tests.support.engine import MemoryRecord, MemoryStore, RecordedOutputs, Sent, chunk, record

CLEAN: tuple[str, ...] = (
    "telemetry.clean",
    "telemetry.1s",
    "telemetry.10s",
    "telemetry.1min",
    "events.clean",
    "alarms.clean",
)


def clean_log(
    records: Sequence[MemoryRecord],
    topology: CompiledTopology,
    partition: int = 0,
    *,
    schemas: Schemas = NO_SCHEMAS,
    wire: Wire | None = None,
) -> dict[str, list[MemoryRecord]]:
    """Every clean topic that the agents make of a log of telemetry.raw."""
    out = RecordedOutputs()
    telemetry = TelemetryPartition(MemoryStore(), partition, topology, schemas=schemas, wire=wire)
    _run(telemetry, "telemetry.raw", records, partition, out)
    for topic, factory in (("events.raw", events_of), ("alarms.raw", alarms_of)):
        logic = factory(topology)(MemoryStore(), partition)
        _run(logic, topic, logged(out.to(topic)), partition, out)
    return {topic: logged(out.to(topic)) for topic in CLEAN}


def logged(sent: Sequence[Sent]) -> list[MemoryRecord]:
    """What was sent, as records of a log."""
    return [record(at, one.key, one.value, one.timestamp_ms, list(one.headers)) for at, one in enumerate(sent)]


def _run(
    logic: PartitionLogic, topic: str, records: Sequence[MemoryRecord], partition: int, out: RecordedOutputs
) -> None:
    if records:
        logic.apply(chunk(topic, records, partition), out)
    logic.flush()
