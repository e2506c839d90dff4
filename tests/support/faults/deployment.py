"""A deployment under fault: real workers as processes, a load on a real broker, and all that ended up on the topics."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from ironstream.settings import Settings
from tests.support.faults.load import Plant
from tests.support.faults.oracle import Logged
from tests.support.faults.plant import topology_yaml
from tests.support.faults.signals import Signals
from tests.support.faults.source import Ledger, Source
from tests.support.faults.verdict import judge

SOURCES = ("telemetry.raw", "events.raw", "alarms.raw")
DRAIN_S = 60.0
WORKER = ("faust", "-A", "ironstream.app", "worker", "-l", "warn", "--without-web")


class Worker:
    """One worker process, or another `command`; its log goes to a file of its own."""

    def __init__(self, environment: dict[str, str], log: Path, command: Sequence[str] = WORKER) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=os.environ | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        if self.running:
            self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.send(signal.SIGKILL)
        self.process.wait()

    async def exit(self, within_s: float) -> int:
        """Its exit code, once it has ended by itself. Raises AssertionError if that takes longer."""
        try:
            return await asyncio.to_thread(self.process.wait, within_s)
        except subprocess.TimeoutExpired as err:
            raise AssertionError(f"a worker still runs after {within_s:.0f} s\n{self.last_words()}") from err

    def last_words(self, lines: int = 30) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Deployment:
    """Workers, load and verdict of one fault test."""

    def __init__(
        self, settings: Settings, *, assets: int, seed: int, logs: Path, session_timeout_s: float = 6.0
    ) -> None:
        self.settings = settings.model_copy(update={"commit_interval_s": 0.5, "session_timeout_s": session_timeout_s})
        self.settings.topology.write_text(topology_yaml(assets))
        self.random = random.Random(seed)
        self.plant = Plant(assets, seed)
        self.assets = assets
        self.signals = Signals(assets, seed)
        self.ledger = Ledger()
        self.exits: Counter[int] = Counter()
        self.faults: Counter[str] = Counter()
        self.archive: list[Logged] = []
        """Records of telemetry.raw that were read before they expired."""
        self.lost: dict[int, list[range]] = {}
        """Offsets of telemetry.raw, by partition, that the workers said had expired before they were processed."""
        self._logs = logs
        self._workers: list[Worker] = []

    # -- workers --------------------------------------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        """The deployment's settings, as a worker takes them."""
        s = self.settings
        return {
            "IRONSTREAM_BOOTSTRAP": s.bootstrap,
            "IRONSTREAM_TOPIC_PREFIX": s.topic_prefix,
            "IRONSTREAM_APPLICATION_ID": s.application_id,
            "IRONSTREAM_PARTITIONS": str(s.partitions),
            "IRONSTREAM_REPLICATION": str(s.replication),
            "IRONSTREAM_DATA_DIR": str(s.data_dir),
            "IRONSTREAM_STORE_CACHE_MB": str(s.store_cache_mb),
            "IRONSTREAM_TOPOLOGY": str(s.topology),
            "IRONSTREAM_COMMIT_INTERVAL_S": str(s.commit_interval_s),
            "IRONSTREAM_SESSION_TIMEOUT_S": str(s.session_timeout_s),
        }

    def start_worker(self, crash_at: str | None = None) -> Worker:
        """Start one more worker."""
        environment = self.environment() | {"IRONSTREAM_CRASH_AT": crash_at or ""}
        worker = Worker(environment, self._logs / f"worker-{len(self._workers)}.log")
        self._workers.append(worker)
        return worker

    def only_worker(self) -> Worker:
        """The one worker that runs: started if there is none, the others killed."""
        living = [worker for worker in self._workers if worker.running]
        for worker in living[1:]:
            worker.kill()
        return living[0] if living else self.start_worker()

    @property
    def workers(self) -> list[Worker]:
        """All workers there were, in the order of their start."""
        return self._workers

    def no_worker(self) -> None:
        """Kill all workers."""
        for worker in self._workers:
            worker.kill()

    def delete_state(self) -> None:
        """Remove the local copies of a deployment whose workers are all dead."""
        self.faults["local state deleted"] += 1
        shutil.rmtree(self.settings.data_dir / "state", ignore_errors=True)

    async def processing(self, within_s: float = DRAIN_S) -> None:
        """Return once a commit of the group moves: somebody is at work."""
        before: dict[TopicPartition, int] = {}
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            now = await self.committed()
            before = before or now
            if now != before:
                return
            await asyncio.sleep(0.3)
        raise AssertionError(f"no worker made progress within {within_s:.0f} s\n{self.last_words()}")

    async def stop_workers(self) -> None:
        """End all workers in order; those that run must exit with 0."""
        living = [worker for worker in self._workers if worker.running]
        for worker in living:
            worker.send(signal.SIGTERM)
        for worker in living:
            code = await worker.exit(45)
            assert code == 0, f"a worker that was asked to stop exited with {code}\n{worker.last_words()}"

    def last_words(self) -> str:
        """The ends of all workers' logs."""
        return "\n".join(f"--- {worker.log.name}\n{worker.last_words(15)}" for worker in self._workers[-3:])

    def close(self) -> None:
        """End whatever is left."""
        self.no_worker()

    # -- load -----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def load(self) -> AsyncIterator[None]:
        """Readings and commands, for as long as the block lasts."""
        stop = asyncio.Event()
        task = asyncio.create_task(self._produce(stop))
        try:
            yield
        finally:
            stop.set()
            await task

    async def _produce(self, stop: asyncio.Event) -> None:
        async with Source(self.settings, self.ledger) as source:
            step_s = self.plant.step_us / 1e6
            next_at = time.time()
            while not stop.is_set():
                now_us = int(next_at * 1e6)
                await source.send("telemetry.raw", self.plant.step(now_us))
                await source.send("events.raw", self.signals.events(now_us))
                await source.send("alarms.raw", self.signals.alarms(now_us))
                next_at = max(next_at + step_s, time.time() - 1.0)
                await asyncio.sleep(max(0.0, next_at - time.time()))
            await source.send("telemetry.raw", self.plant.flush())
            await source.settle()

    # -- verdict --------------------------------------------------------------------------------------------------

    async def ends(self, topics: Iterable[str]) -> dict[TopicPartition, int]:
        """End offsets of topics (without prefix)."""
        consumer = AIOKafkaConsumer(**self.settings.kafka_client_kwargs())
        async with consumer:
            return dict(await consumer.end_offsets(self._partitions(topics)))

    def _partitions(self, topics: Iterable[str]) -> list[TopicPartition]:
        s = self.settings
        return [TopicPartition(s.topic(topic), number) for topic in topics for number in range(s.partitions)]

    async def committed(self) -> dict[TopicPartition, int]:
        """Offsets of the group."""
        admin = AIOKafkaAdminClient(**self.settings.kafka_client_kwargs())
        with suppress(KafkaError):
            await admin.start()
            try:
                offsets = await admin.list_consumer_group_offsets(self.settings.application_id)
                return {tp: metadata.offset for tp, metadata in offsets.items()}
            finally:
                await admin.close()
        return {}

    async def drain(self, settle_s: float = 2.0) -> None:
        """Wait until all that is on the sources now has been processed, and then what that led to."""
        await asyncio.sleep(settle_s)
        for topics in (("telemetry.raw",), SOURCES):
            ends = await self.ends(topics)
            deadline = time.monotonic() + DRAIN_S
            while any(offset < ends[tp] for tp, offset in self._positions(ends, await self.committed()).items()):
                behind = await self.committed()
                if time.monotonic() > deadline:
                    lag = {str(tp): end - behind.get(tp, 0) for tp, end in ends.items() if behind.get(tp, 0) < end}
                    raise AssertionError(f"lag is not gone after {DRAIN_S:.0f} s: {lag}\n{self.last_words()}")
                await asyncio.sleep(0.3)

    @staticmethod
    def _positions(ends: dict[TopicPartition, int], committed: dict[TopicPartition, int]) -> dict[TopicPartition, int]:
        return {tp: committed.get(tp, 0) for tp in ends}

    async def read(self, topic: str) -> list[Logged]:
        """All records of a topic (without prefix), partition by partition in log order."""
        tps = self._partitions([topic])
        consumer = AIOKafkaConsumer(
            **self.settings.kafka_client_kwargs(), enable_auto_commit=False, max_partition_fetch_bytes=8 << 20
        )
        found: defaultdict[int, list[Logged]] = defaultdict(list)
        async with consumer:
            consumer.assign(tps)
            await consumer.seek_to_beginning(*tps)
            ends = await consumer.end_offsets(tps)
            while any([await consumer.position(tp) < ends[tp] for tp in tps]):
                for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                    found[tp.partition] += [
                        Logged(tp.partition, r.offset, r.timestamp, r.key, r.value, dict(r.headers)) for r in records
                    ]
        return [record for partition in sorted(found) for record in found[partition]]

    async def raw_log(self) -> list[Logged]:
        """telemetry.raw as the workers saw it: with what expired after they had it, without what expired before."""
        found = {(record.partition, record.offset): record for record in self.archive}
        found |= {(record.partition, record.offset): record for record in await self.read("telemetry.raw")}
        return [found[place] for place in sorted(found.keys() - self._gone())]

    def _gone(self) -> set[tuple[int, int]]:
        """Partition and offset of what expired before it was processed."""
        return {(partition, offset) for partition, ranges in self.lost.items() for one in ranges for offset in one}

    async def processed(self, topic: str) -> dict[int, int]:
        """Up to which offset each partition of a topic has been processed."""
        full = self.settings.topic(topic)
        return {tp.partition: offset for tp, offset in (await self.committed()).items() if tp.topic == full}

    async def verdict(self) -> str:
        """Compare everything on the topics with the oracle; returns a summary. Raises AssertionError that shows why."""
        return await judge(self, await self.raw_log(), self._gone())


async def heal(on: Deployment) -> None:
    """Everything under way comes to its end, and the oracle judges."""
    await on.drain()
    await on.stop_workers()
    print(await on.verdict())
