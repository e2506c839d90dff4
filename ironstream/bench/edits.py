"""`bench edits`: a topology is edited while readings flow, each of which must be judged by the version before it."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from aiokafka.admin import AIOKafkaAdminClient
from pyarrow.dataset import dataset

from ironstream.bench.deployment import BenchError, Deployment, deploy
from ironstream.bench.edits_check import Found, check
from ironstream.bench.edits_plan import (
    EDITS,
    GATEWAY,
    ROLLBACK,
    SINK,
    STORED_SIZE_S,
    Edit,
    Knobs,
    edited_topology,
)
from ironstream.bench.latency import Report
from ironstream.bench.measure import Machine, machine
from ironstream.bench.pacer import Order, Phase, Sent
from ironstream.bench.plant import Plant
from ironstream.commands.children import Child, ironstream, python
from ironstream.commands.rollout_log import open_log
from ironstream.contract import Topic
from ironstream.rollout.applying import apply_sources
from ironstream.rollout.audit import audited_change
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.participants import Participants
from ironstream.rollout.progress import progress_of
from ironstream.rollout.records import Change
from ironstream.settings import Settings
from ironstream.topics import STATEFUL_AGENTS
from ironstream.topology.sources import Sources
from ironstream.versions import checked, checked_version

_PATIENCE_S: Final = 120.0
_AN_EDIT_S: Final = 12.0
"""At most, on average: the sender knows no other end."""
_LISTENING: Final = re.compile(r"listening on \S+:(\d+)")


@dataclass(frozen=True, slots=True)
class Kind:
    """Edits of one kind; times in seconds from the moment at which the command would begin to write.

    `held`: until the change holds, everyone asked. `switched`: until the log of the last partition has named it.
    """

    name: str
    edits: int
    held_p50_s: float
    held_max_s: float
    switched_p50_s: float
    switched_max_s: float


@dataclass(frozen=True, slots=True)
class EditsResult:
    """One run, in which everything was as it must be. `rate` is what the sender reached while edits were made."""

    machine: Machine
    workers: int
    series: int
    seconds: float
    rate: float
    readings: int
    refused: int
    changes: int
    kinds: list[Kind]


@dataclass(frozen=True, slots=True)
class _Made:
    kind: str
    change: int
    began_us: int
    held_us: int


class _Editor:
    """Makes edits as `ironstream apply` and `rollback` do, one after the other, each once all have the one before."""

    def __init__(
        self, settings: Settings, log: TopologyLog, participants: Participants, plant: Plant, port: int
    ) -> None:
        self.knobs = Knobs()
        self.by_version: dict[int, Knobs] = {}
        self.made: list[_Made] = []
        self._settings = settings
        self._log = log
        self._participants = participants
        self._plant = plant
        self._port = port

    async def apply(self, kind: str, knobs: Knobs) -> None:
        """Have a topology hold with these knobs."""
        sources = Sources.single(edited_topology(self._plant, knobs, self._port, lake_of(self._settings)).encode())
        topology = checked(sources, Path())
        began_us = _now_us()
        async with open_log(self._settings, topology):
            # what only makes the topics of new windows: the log itself is open all the time
            pass
        done = await apply_sources(self._settings, self._log, self._participants, sources, "bench", kind)
        if done.change is None:
            raise BenchError(f"The edit {kind!r} has changed nothing.", "Please report it.")
        self._note(kind, done.change, began_us, knobs)

    async def rollback(self) -> None:
        """Go back to the version before."""
        began_us = _now_us()
        wanted, holding = self._log.history.before(), self._log.history.current
        if wanted is None or holding is None:
            raise BenchError("There is no version to go back to.", "Please report it.")
        checked_version(wanted)
        change = await audited_change(self._settings, self._log, wanted.number, "rollback", "bench", "", holding.number)
        self._note(ROLLBACK, change, began_us, self.by_version[wanted.number])

    async def taken(self, participants: int) -> None:
        """Wait until so many are there, and all of them have the last change."""
        made = self.made[-1]
        partitions = self._settings.partitions * len(STATEFUL_AGENTS)
        deadline_s = time.monotonic() + _PATIENCE_S
        while True:
            await self._participants.poll()
            reached = progress_of(made.change, self._participants.present, partitions)
            if reached.complete and len(reached.done) == participants:
                return
            if reached.refused or time.monotonic() > deadline_s:
                raise BenchError(
                    f"Change {made.change} ({made.kind}) is not taken by everybody: {reached}", "Look at their logs."
                )

    def _note(self, kind: str, change: Change, began_us: int, knobs: Knobs) -> None:
        self.made.append(_Made(kind, change.number, began_us, _now_us()))
        self.knobs = self.by_version[change.version] = knobs


def lake_of(settings: Settings) -> Path:
    """Where the sink stores."""
    return settings.data_dir / "lake"


async def measure_edits(
    *,
    rate: int,
    rounds: int,
    workers: int = 1,
    series: int = 1000,
    edits: Mapping[str, Edit] = EDITS,
    bootstrap: str | None = None,
    report: Report = lambda _what, _done, _total: None,
) -> EditsResult:
    """`rounds` of `edits`, each round with a rollback at its end, under `rate` readings a second.

    Raises BenchError when a process ends or is another one afterwards, a reading is missing, or one was judged by
    another version than the one before it in its log.
    """
    facts = machine(own_kafka=bootstrap is None)
    plant = Plant(series, rate / series, 0, f"bench-{secrets.token_hex(4)}")
    total = rounds * (len(edits) + 1)
    order = Order((Phase(rate, _AN_EDIT_S * total + 10),), series, plant.boot)
    report("starting Kafka", 0, None)
    async with deploy("version: 1\n", Knobs().sizes_s, bootstrap) as deployment:
        device = deployment.child("device", python("-m", "ironstream.bench.devices", "modbus"))
        port = int((await _said(device, _LISTENING))[1])
        settings = deployment.settings
        settings.topology.write_text(edited_topology(plant, Knobs(), port, lake_of(settings)), encoding="utf-8")
        async with open_log(settings) as log, Participants(settings) as participants:
            editor = _Editor(settings, log, participants, plant, port)
            await editor.apply("the first", Knobs())
            started = [deployment.worker(f"worker-{number}") for number in range(workers)]
            for worker in started:
                await deployment.restored(worker)
            gateway = deployment.child("gateway", ironstream("gateway", GATEWAY), IRONSTREAM_HEALTH_PORT="0")
            sink = deployment.child("sink", ironstream("sink", SINK))
            followers = (*started, gateway, sink)
            pids = {child.name: child.pid for child in followers}
            await editor.taken(len(followers))
            command = python("-m", "ironstream.bench.pacer", msgspec.json.encode(order).decode())
            pacer = deployment.child("pacer", command)
            await deployment.wait_for_count(Topic.TELEMETRY_CLEAN, rate, _PATIENCE_S)
            began_s = time.monotonic()
            for number in range(rounds):
                for kind, edit in edits.items():
                    deployment.check_workers()
                    report(kind, len(editor.made) - 1, total)
                    await editor.apply(kind, edit(editor.knobs, number))
                    await editor.taken(len(followers))
                await editor.rollback()
                await editor.taken(len(followers))
            seconds = time.monotonic() - began_s
            sent = await _stopped(deployment, pacer)
        report("checking", total, total)
        deployment.check_workers()
        if pids != {child.name: child.pid for child in followers}:
            raise BenchError("A process was started anew.", "Please report it.")
        await _processed(deployment, gateway, device)
        await _stored(deployment)
        deployment.end_workers()
        found = await check(settings, plant, editor.by_version, editor.made[-1].change, sent.readings)
    if found.wrong:
        raise BenchError("The run counts for nothing:\n" + "\n".join(found.wrong[:20]), "Please report it.")
    return EditsResult(
        machine=facts,
        workers=workers,
        series=series,
        seconds=seconds,
        rate=sent.rate,
        readings=found.sent,
        refused=found.refused,
        changes=len(editor.made),
        kinds=summarize(editor.made[1:], found),
    )


def summarize(made: list[_Made], found: Found) -> list[Kind]:
    """Times by kind. A change that the next one overtook counts as named when that one was."""
    times: dict[str, list[tuple[float, float]]] = {}
    for one in made:
        at_us = _named_us(found.switched_us, one.change)
        times.setdefault(one.kind, []).append(((one.held_us - one.began_us) / 1e6, (at_us - one.began_us) / 1e6))
    return [
        Kind(
            kind, len(of_kind),
            *(float(figure(column)) for column in np.array(of_kind).T for figure in (np.median, np.max)),
        )
        for kind, of_kind in times.items()
    ]  # fmt: skip


def _named_us(switched_us: Mapping[int, int], change: int) -> int:
    return next(at_us for number, at_us in sorted(switched_us.items()) if number >= change)


async def _stopped(deployment: Deployment, pacer: Child) -> Sent:
    """Stop the sender, which must still have been at work."""
    if not pacer.running:
        raise BenchError("The sender came to its end before the edits did.", "Lower --rate or --edits.")
    pacer.terminate()
    line = await asyncio.to_thread(pacer.wait_for, '"late_s"', _PATIENCE_S)
    if line is None:
        raise BenchError(f"The sender did not end in order:\n{pacer.last_words()}", "Measure again.")
    pacer.wait(_PATIENCE_S)
    deployment.workers.remove(pacer)
    return msgspec.json.decode(line, type=list[Sent])[0]


async def _processed(deployment: Deployment, *sources: Child) -> None:
    """Stop what readings come from, and wait until all that was sent is committed."""
    for child in sources:
        await asyncio.to_thread(child.stop)
        deployment.workers.remove(child)
    settings = deployment.settings
    ends = await deployment.end_offsets(Topic.TELEMETRY_RAW)
    topic = settings.topic(Topic.TELEMETRY_RAW)
    admin = AIOKafkaAdminClient(**settings.kafka_client_kwargs())
    await admin.start()
    deadline_s = time.monotonic() + _PATIENCE_S
    try:
        while True:
            deployment.check_workers()
            committed = await admin.list_consumer_group_offsets(settings.application_id)
            at = {place.partition: said.offset for place, said in committed.items() if place.topic == topic}
            if all(at.get(partition, 0) >= end for partition, end in ends.items()):
                return
            if time.monotonic() > deadline_s:
                raise BenchError("The workers have not come to the end of what was sent.", "Lower --rate.")
            await asyncio.sleep(0.5)
    finally:
        await admin.close()


async def _stored(deployment: Deployment) -> None:
    """Wait until the sink has every window of its size once. Raises BenchError when it comes to have another number."""
    wanted = await deployment.count(Topic.aggregates(STORED_SIZE_S))
    deadline_s = time.monotonic() + _PATIENCE_S
    while (stored := await asyncio.to_thread(_rows, lake_of(deployment.settings))) != wanted:
        deployment.check_workers()
        if stored > wanted or time.monotonic() > deadline_s:
            raise BenchError(f"The sink has stored {stored} of {wanted} windows.", "Please report it.")
        await asyncio.sleep(0.5)


def _rows(lake: Path) -> int:
    return int(dataset(list(map(str, lake.rglob("*.parquet"))), format="parquet").count_rows())


async def _said(child: Child, pattern: re.Pattern[str]) -> re.Match[str]:
    line = await asyncio.to_thread(child.wait_for, "listening on", _PATIENCE_S)
    found = pattern.search(line or "")
    if found is None:
        raise BenchError(f"The {child.name} did not start. Last words:\n{child.last_words()}", "Measure again.")
    return found


def _now_us() -> int:
    return time.time_ns() // 1000
