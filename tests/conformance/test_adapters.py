"""What every adapter must do, whatever its protocol. A new adapter adds its bench to `benches`."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from typing import Any

import aiohttp
import msgspec
import pytest

from adapters.registry import ADAPTERS
from ironstream.contract import Event, Reading
from ironstream.errors import ConfigurationError
from ironstream.gateway.adapter import AdapterError
from ironstream.gateway.once import read_once
from ironstream.gateway.supervisor import run_adapter, run_pipelines
from tests.conformance.benches import BENCHES
from tests.conformance.benches.bench import Bench
from tests.conformance.support import MemoryPublisher, pipeline, running, settings

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def get_health(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(url + "/health") as response:
        answer: dict[str, Any] = await response.json()
        return answer


def test_every_adapter_of_the_registry_is_on_the_bench() -> None:
    assert {BENCHES[name]().adapter for name in BENCHES} == set(ADAPTERS)


async def test_a_reading_follows_the_contract(bench: Bench) -> None:
    async with running(pipeline(bench)) as gateway:
        await gateway.until(lambda: len(gateway.publisher.readings("a")) >= 1, "a reading")
    reading = gateway.publisher.readings("a")[0]
    assert reading["schema_version"] == 1
    assert (reading["tenant_id"], reading["site_id"], reading["asset_id"]) == ("acme", "north", "pump-1")
    assert (reading["value"], reading["unit"], reading["quality"]) == (1, "bar", "GOOD")
    assert reading["classification"] == "TELEMETRY"
    assert TIME.fullmatch(reading["timestamps"]["gateway_time"])
    assert TIME.fullmatch(reading["timestamps"]["device_time"])
    assert reading["metadata"].keys() == {
        "pipeline_id",
        "adapter_id",
        "adapter_version",
        "hostname",
        "boot",
        "seq",
    }
    assert {record.key for record in gateway.publisher.records} == {b"acme/north/pump-1"}
    kinds = {"telemetry.raw": Reading, "events.raw": Event}
    for record in gateway.publisher.records:
        if record.topic in kinds:
            msgspec.json.decode(record.value, type=kinds[record.topic])


async def test_text_and_states_are_events_on_change(bench: Bench) -> None:
    async with running(pipeline(bench)) as gateway:
        await gateway.until(lambda: len(gateway.publisher.readings("a")) >= 5, "five polls")
    events = {event["type"]: event for event in gateway.publisher.of("events.raw")}
    assert len(gateway.publisher.of("events.raw")) == len(events)
    assert events["text"]["to"] == "OK!!"
    assert events["running"]["to"] is True
    assert gateway.publisher.readings("text") == []
    assert len(gateway.publisher.readings("running")) >= 5


async def test_seq_counts_each_series_without_holes_also_across_a_lost_device(bench: Bench) -> None:
    async with running(pipeline(bench)) as gateway:
        await gateway.until(lambda: len(gateway.publisher.readings("a")) >= 3, "readings")
        await bench.stop()
        await gateway.until(lambda: gateway.publisher.readings("a")[-1]["quality"] == "BAD", "a lost device")
        await bench.start()
        await gateway.until(lambda: gateway.publisher.readings("a")[-1]["quality"] == "GOOD", "its return")
    for parameter in ("a", "b", "running"):
        readings = gateway.publisher.readings(parameter)
        assert [r["metadata"]["seq"] for r in readings] == list(range(1, len(readings) + 1))
        assert len({r["metadata"]["boot"] for r in readings}) == 1


async def test_a_lost_device_is_bad_once_in_every_series_and_comes_back_by_itself(bench: Bench) -> None:
    async with running(pipeline(bench)) as gateway:
        await gateway.until(lambda: len(gateway.publisher.readings("b")) >= 1, "readings")
        await bench.stop()
        await gateway.until(lambda: gateway.publisher.readings("b")[-1]["quality"] == "BAD", "a lost device")
        assert (await get_health(gateway.url))["status"] == "unhealthy"
        failed = "adapter_errors_total"
        await asyncio.sleep(0.3)  # long enough for several attempts to connect
        await bench.start()
        await gateway.until(lambda: gateway.publisher.readings("b")[-1]["quality"] == "GOOD", "its return")
        assert failed in (await get(gateway.url + "/metrics"))[1]
    for parameter in ("a", "b", "running"):
        bad = [r for r in gateway.publisher.readings(parameter) if r["quality"] == "BAD"]
        assert [(r["value"], r["quality_reasons"]) for r in bad] == [(None, ["comm_loss"])]


async def test_a_device_that_was_never_there_is_bad_once_too(bench: Bench) -> None:
    spec = pipeline(bench)
    await bench.stop()
    async with running(spec) as gateway:
        await gateway.until(lambda: len(gateway.publisher.readings("a")) >= 1, "a bad reading")
        await bench.start()
        await gateway.until(lambda: gateway.publisher.readings("a")[-1]["quality"] == "GOOD", "its coming")
    assert [r["quality"] for r in gateway.publisher.readings("a")][:2] == ["BAD", "GOOD"]


async def test_one_dead_part_of_a_device_does_not_stop_the_others(bench: Bench) -> None:
    bench.silence("b")
    async with running(pipeline(bench)) as gateway:
        await gateway.until(lambda: len(gateway.publisher.readings("a")) >= 10, "readings of the living part")
        # a part that speaks by itself is missed after a while only
        await gateway.until(lambda: len(gateway.publisher.readings("b")) >= 1, "the loss of the dead part")
        assert [r["quality"] for r in gateway.publisher.readings("b")] == ["BAD"]
        assert {r["quality"] for r in gateway.publisher.readings("a")} == {"GOOD"}
        assert (await get_health(gateway.url))["status"] == "degraded"
        bench.silence(None)
        await gateway.until(lambda: gateway.publisher.readings("b")[-1]["quality"] == "GOOD", "its return")


async def test_one_dead_device_does_not_stop_the_others(bench: Bench) -> None:
    other = type(bench)()
    await other.start()
    dead = pipeline(other, id="p2", asset_id="pump-2")
    await other.stop()
    async with running(pipeline(bench), dead) as gateway:
        await gateway.until(lambda: len(gateway.publisher.readings("a")) >= 20, "readings")
        readings = gateway.publisher.of("telemetry.raw")
        assert {r["quality"] for r in readings if r["asset_id"] == "pump-1"} == {"GOOD"}
        assert {r["quality"] for r in readings if r["asset_id"] == "pump-2"} == {"BAD"}
        assert (await get_health(gateway.url))["status"] == "degraded"
        assert (await get(gateway.url + "/health/p2"))[0] == 503
        assert (await get(gateway.url + "/health/nobody"))[0] == 404


async def test_health_and_metrics_are_those_of_the_contract(bench: Bench) -> None:
    async with running(pipeline(bench)) as gateway:
        await gateway.until(lambda: len(gateway.publisher.readings("b")) >= 3, "readings")
        health = await get_health(gateway.url)
        assert list(health) == [
            "status",
            "last_reading_at",
            "readings_per_sec",
            "errors_last_minute",
            "kafka_connection",
        ]
        assert (health["status"], health["errors_last_minute"], health["kafka_connection"]) == ("healthy", 0, "ok")
        assert TIME.fullmatch(health["last_reading_at"])
        assert health["readings_per_sec"] > 0
        metrics = (await get(gateway.url + "/metrics"))[1]
        assert "# TYPE adapter_readings_total counter" in metrics
        assert re.search(r'^adapter_readings_total\{pipeline_id="p1"\} [1-9]', metrics, re.MULTILINE)


async def test_while_kafka_takes_nothing_nothing_is_read_and_it_shows(bench: Bench) -> None:
    async with running(pipeline(bench)) as gateway:
        await gateway.until(lambda: len(gateway.publisher.readings("a")) >= 1, "readings")
        gateway.publisher.room.clear()
        gateway.publisher.connected = False
        await asyncio.sleep(0.2)
        before = len(gateway.publisher.records)
        await asyncio.sleep(0.2)
        assert len(gateway.publisher.records) == before
        assert (await get(gateway.url + "/health"))[0] == 503
        gateway.publisher.room.set()
        await gateway.until(lambda: len(gateway.publisher.records) > before, "readings again")


async def test_sigterm_stops_reading_flushes_and_exits_0(bench: Bench) -> None:
    publisher = MemoryPublisher()
    task = asyncio.create_task(run_adapter(pipeline(bench), settings(), adapters=ADAPTERS, publisher=publisher))
    async with asyncio.timeout(20):
        while not publisher.readings("b"):  # noqa: ASYNC110  a publisher has no event for this
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await task == 0
    assert publisher.flushed_at == len(publisher.records)


async def test_what_was_held_back_is_sent_before_the_end(bench: Bench) -> None:
    config = {**bench.config(), "report": {"mode": "on_change", "deadband": 1000}}
    async with running(pipeline(bench, config=config)) as gateway:
        await gateway.until(lambda: len(gateway.publisher.readings("a")) >= 1, "the first reading")
        await asyncio.sleep(0.2)
        assert len(gateway.publisher.readings("a")) == 1
    assert len(gateway.publisher.readings("a")) == 2


async def test_a_bad_configuration_names_every_fault_of_every_pipeline_and_exits_2(bench: Bench) -> None:
    bad = [
        pipeline(bench, id="p1", config=dict(bench.bad_config), asset_id="no spaces"),
        pipeline(bench, id="p2", adapter="profibus", poll_interval_s=0),
        pipeline(bench, id="p3", asset_id=None),
    ]
    with pytest.raises(ConfigurationError) as caught:
        await run_pipelines(bad, settings(), asyncio.Event(), adapters=ADAPTERS, publisher=MemoryPublisher())
    assert caught.value.exit_code == 2
    for field in bench.bad_fields:
        assert f"pipeline p1: config.{field}: " in caught.value.message
    for fault in (
        "pipeline p1: asset_id",
        "pipeline p2: poll_interval_s",
        "pipeline p2: there is no adapter",
        "pipeline p3: a has no asset",
    ):
        assert fault in caught.value.message


async def test_a_secret_is_used_and_never_shown(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # the same device by another name, so that it can be told from the rest
    field, value = bench.secret
    monkeypatch.setenv("IRONSTREAM_SECRET_PLC", value)
    config = {**bench.config(), field: "${secret:plc}"}
    async with running(pipeline(bench, config=config)) as gateway:
        await gateway.until(lambda: len(gateway.publisher.readings("a")) >= 1, "readings through a secret")
        await bench.stop()
        await gateway.until(lambda: gateway.publisher.readings("a")[-1]["quality"] == "BAD", "a lost device")
        shown = (await get(gateway.url + "/health"))[1] + (await get(gateway.url + "/metrics"))[1]
    lost = [line for line in gateway.publisher.of("logs.adapters") if line["event"] == "device_lost"]
    assert "***" in lost[0]["error"]
    assert value not in "".join([shown, *capsys.readouterr(), repr(gateway.publisher.records)])


async def test_the_log_goes_to_its_topic_as_structured_json(bench: Bench) -> None:
    async with running(pipeline(bench)) as gateway:
        await gateway.until(lambda: len(gateway.publisher.readings("a")) >= 1, "readings")
    lines = gateway.publisher.of("logs.adapters")
    assert {"started", "connected"} <= {line["event"] for line in lines}
    for line in lines:
        assert {"time", "level", "event", "pipeline_id", "asset_id", "boot", "hostname"} <= line.keys()


async def test_a_constructor_does_no_io_and_test_reads_once(bench: Bench) -> None:
    kind = ADAPTERS[bench.adapter]
    adapter = kind.factory(kind.config_model.model_validate(bench.config()))
    assert adapter.paced is kind.polled(bench.config())
    received = await read_once(adapter)
    assert {s.parameter: s.value for s in received.samples} == {"a": 1, "running": True, "text": "OK!!", "b": 2}
    await bench.stop()
    unreachable = kind.factory(kind.config_model.model_validate(bench.config()))
    with pytest.raises(AdapterError) as caught:
        await read_once(unreachable)
    assert caught.value.hint
    await unreachable.close()
    await unreachable.close()


async def test_connect_may_be_repeated(bench: Bench) -> None:
    kind = ADAPTERS[bench.adapter]
    adapter = kind.factory(kind.config_model.model_validate(bench.config()))
    await adapter.connect()
    await adapter.connect()
    assert {s.point for s in (await adapter.read()).samples} <= set(adapter.points)
    await adapter.close()
