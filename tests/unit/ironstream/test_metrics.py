"""What a worker shows of itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

import aiohttp
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from ironstream.errors import BrokerError
from ironstream.metrics import MetricsServer, WorkerCollector, is_ready


class Tp(NamedTuple):
    topic: str
    partition: int


@dataclass
class Outputs:
    sent: dict[str, int] = field(default_factory=dict)


@dataclass
class Logic:
    counts: Counter[str] = field(default_factory=Counter)


@dataclass
class FakePartition:
    position: int = 0
    records_taken: int = 0
    commit_seconds: float = 0.0
    outputs: Outputs = field(default_factory=Outputs)
    logic: Logic = field(default_factory=Logic)


@dataclass
class Outbox:
    records_acknowledged: int = 0
    bytes_acknowledged: int = 0


@dataclass
class FakeWorker:
    """What is asked of a worker; its consumer is itself."""

    partitions: dict[Any, Any] = field(default_factory=dict)
    assigned: set[Tp] = field(default_factory=set)
    highwaters: dict[Any, int] = field(default_factory=dict)
    failure: BaseException | None = None
    outbox: Any = field(default_factory=Outbox)
    rebalancing: bool = False
    consumer_generation_id: int = 1
    under_way: Any = field(default_factory=lambda: SimpleNamespace(records=0))
    ownership: Any = field(default_factory=lambda: SimpleNamespace(restore_seconds=0.0))

    @property
    def consumer(self) -> Any:
        return self

    def assignment(self) -> set[Tp]:
        return self.assigned


RAW = Tp("telemetry.raw", 0)


def sample(worker: FakeWorker, registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def test_a_worker_is_ready_once_all_it_was_given_is_restored() -> None:
    worker = FakeWorker(consumer_generation_id=0)
    assert not is_ready(worker)

    worker.consumer_generation_id, worker.assigned = 1, {RAW}
    assert not is_ready(worker)

    worker.partitions[RAW] = FakePartition()
    assert is_ready(worker)

    worker.rebalancing = True
    assert not is_ready(worker)


def test_a_spare_worker_without_partitions_is_ready() -> None:
    assert is_ready(FakeWorker())


def test_counters_do_not_fall_when_a_partition_moves_away() -> None:
    worker = FakeWorker(partitions={RAW: FakePartition(records_taken=7)})
    registry = CollectorRegistry()
    registry.register(WorkerCollector(worker))
    name = "ironstream_records_processed_total"
    assert sample(worker, registry, name, topic="telemetry.raw") == 7

    del worker.partitions[RAW]
    assert sample(worker, registry, name, topic="telemetry.raw") == 7

    worker.partitions[RAW] = FakePartition(records_taken=2)
    assert sample(worker, registry, name, topic="telemetry.raw") == 9


def test_lag_is_what_the_broker_has_and_the_partition_has_not_taken() -> None:
    worker = FakeWorker(partitions={RAW: FakePartition(position=90)}, highwaters={RAW: 100})
    registry = CollectorRegistry()
    registry.register(WorkerCollector(worker))

    assert sample(worker, registry, "ironstream_lag_records", topic="telemetry.raw", partition="0") == 10


async def test_the_pages_answer_with_the_state_of_the_worker() -> None:
    worker = FakeWorker(consumer_generation_id=0)
    server = MetricsServer(worker, "127.0.0.1", 0)
    await server.start()
    base = f"http://127.0.0.1:{server.port}"
    try:
        async with aiohttp.ClientSession() as session:
            # Kafka is away: the process lives all the same
            assert (await session.get(f"{base}/live")).status == 200
            assert (await session.get(f"{base}/ready")).status == 503

            worker.consumer_generation_id = 1
            assert (await session.get(f"{base}/ready")).status == 200
            page = await (await session.get(f"{base}/metrics")).text()

            worker.failure = BrokerError("gone")
            assert (await session.get(f"{base}/live")).status == 503
    finally:
        await server.stop()

    own = [family for family in text_string_to_metric_families(page) if not family.name.startswith("process_")]
    assert own
    assert all(family.name.startswith("ironstream_") for family in own)
