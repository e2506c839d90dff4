"""The Modbus adapter against the simulated plant and a real Kafka."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from collections import defaultdict
from typing import Any

from aiokafka import AIOKafkaConsumer

from adapters.registry import ADAPTERS
from adapters.simulator.live import LivePlant
from adapters.simulator.physics import Plant
from adapters.simulator.registers import ASSETS, REGISTERS, pipeline_config
from adapters.simulator.server import PlantServer
from ironstream.contract import Topic
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.settings import GatewaySettings
from ironstream.gateway.supervisor import run_pipelines
from ironstream.settings import Settings
from ironstream.topics import ensure_topics, topic_specs


async def all_records(deployment: Settings, topic: str) -> list[tuple[bytes | None, dict[str, Any]]]:
    """Every record of the topic, from its beginning to its end at the time of the call."""
    consumer = AIOKafkaConsumer(
        deployment.topic(topic), bootstrap_servers=deployment.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        partitions = list(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        records: list[tuple[bytes | None, dict[str, Any]]] = []
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records += [(record.key, json.loads(record.value)) for record in batch]
        return records
    finally:
        await consumer.stop()


def check_without_holes(readings: list[dict[str, Any]]) -> None:
    seqs: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for reading in readings:
        metadata = reading["metadata"]
        seqs[metadata["boot"], reading["asset_id"], reading["parameter"]].append(metadata["seq"])
    assert seqs
    for numbers in seqs.values():
        assert numbers == list(range(1, len(numbers) + 1))


async def said(deployment: Settings) -> tuple[set[tuple[str, str]], set[str]]:
    """Why readings in Kafka are not good, with their assets; and the assets that have events there."""
    readings = await all_records(deployment, Topic.TELEMETRY_RAW)
    reasons = {(one["asset_id"], reason) for _, one in readings for reason in one.get("quality_reasons", [])}
    return reasons, {event["asset_id"] for _, event in await all_records(deployment, Topic.EVENTS_RAW)}


async def test_the_whole_plant_arrives_in_kafka_by_asset_in_order_and_without_holes(deployment: Settings) -> None:
    await ensure_topics(deployment.kafka_client_kwargs(), topic_specs(deployment, (1,)))
    stop = asyncio.Event()
    async with PlantServer(LivePlant(Plant(seed=1), time_scale=20)) as server:
        pipelines = [
            PipelineSpec(
                id=asset,
                adapter="modbus-tcp",
                asset_id=asset,
                poll_interval_s=0.1,
                config=pipeline_config(unit, server.host, server.port),
            )
            for unit, asset in ASSETS.items()
        ]
        gateway = asyncio.create_task(run_pipelines(pipelines, GatewaySettings.of(deployment), stop, adapters=ADAPTERS))
        # within 35 s of the plant the sensor dies, the pump overheats, the compressor drops off the bus
        wanted = {("tank-1", "not_a_number"), ("compressor-1", "comm_loss")}
        async with asyncio.timeout(60):
            reasons, assets = await said(deployment)
            while not (reasons >= wanted and assets >= {"pump-1", "tank-1"}):
                assert not gateway.done()
                await asyncio.sleep(0.2)
                reasons, assets = await said(deployment)
        stop.set()
        assert await gateway == 0
    records = await all_records(deployment, Topic.TELEMETRY_RAW)
    readings = [reading for _, reading in records]
    check_without_holes(readings)
    assert all(key == f"default/default/{reading['asset_id']}".encode() for key, reading in records)
    expected = {
        (asset, entry.name) for unit, asset in ASSETS.items() for entry in REGISTERS[unit] if entry.type != "STRING"
    }
    assert {(reading["asset_id"], reading["parameter"]) for reading in readings} == expected
    assert (await said(deployment))[0] == wanted
    assert {"event": "connected", "asset_id": "pump-1"}.items() <= {
        key: line[key]
        for _, line in await all_records(deployment, Topic.LOGS_ADAPTERS)
        if line["event"] == "connected" and line["asset_id"] == "pump-1"
        for key in ("event", "asset_id")
    }.items()


def environment(deployment: Settings, document: dict[str, Any]) -> dict[str, str]:
    return {
        **os.environ,
        "CONFIG_JSON": base64.b64encode(json.dumps(document).encode()).decode(),
        "IRONSTREAM_BOOTSTRAP": deployment.bootstrap,
        "IRONSTREAM_TOPIC_PREFIX": deployment.topic_prefix,
        "IRONSTREAM_HEALTH_PORT": "0",
    }


async def test_as_a_process_it_ends_on_sigterm_with_0_and_all_that_it_counted_is_in_kafka(deployment: Settings) -> None:
    await ensure_topics(deployment.kafka_client_kwargs(), topic_specs(deployment, (1,)))
    async with PlantServer(LivePlant(Plant(seed=1))) as server:
        document = {
            "pipeline_id": "pump-1",
            "protocol": "modbus_tcp",
            "source": {"host": server.host, "port": server.port, "unit_id": 1},
            "mapping": {"registers": {"40001": {"param": "temperature", "type": "float32", "byte_order": "CDAB"}}},
            "output": {"asset_id": "pump-1"},
            "poll_interval_ms": 20,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "adapters", env=environment(deployment, document), stderr=asyncio.subprocess.PIPE
        )
        assert process.stderr is not None
        async with asyncio.timeout(60):
            while b'"connected"' not in (line := await process.stderr.readline()):
                assert line, "the adapter ended"
            while len(await all_records(deployment, Topic.TELEMETRY_RAW)) <= 5:
                pass
            process.send_signal(signal.SIGTERM)
            await process.communicate()
        assert process.returncode == 0
    readings = [reading for _, reading in await all_records(deployment, Topic.TELEMETRY_RAW)]
    check_without_holes(readings)


async def test_as_a_process_with_a_bad_configuration_it_exits_2_and_names_every_fault(deployment: Settings) -> None:
    document = {
        "pipeline_id": "p",
        "protocol": "modbus_tcp",
        "config": {"port": 0, "tags": [{"name": "a", "address": -1}]},
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "adapters", env=environment(deployment, document), stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    for field in (b"config.host", b"config.port", b"config.tags.0.address"):
        assert field in errors
    assert b"Traceback" not in errors
