"""What nodes of every kind become, polled and subscribed, on a real server."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from asyncua import Server, ua
from asyncua.common.structures104 import new_enum, new_struct, new_struct_field

from ironstream.contract import Quality
from tests.support.opcua.client import Seen, connected
from tests.support.opcua.server import URI, PlantServer

MODES = ("poll", "subscribe")


def tag(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "node": f"nsu={URI};s={name}", **fields}


@pytest.mark.parametrize("mode", MODES)
async def test_every_built_in_type_is_a_reading_or_an_event(mode: str) -> None:
    moment = datetime(2025, 1, 10, 12, 1, 3, 123000, UTC)
    plain = {
        "flag": (True, ua.VariantType.Boolean, True),
        "small": (-3, ua.VariantType.SByte, -3),
        "big": (2**63, ua.VariantType.UInt64, 2**63),
        "ratio": (0.5, ua.VariantType.Float, 0.5),
        "name": ("pump", ua.VariantType.String, "pump"),
        "when": (moment, ua.VariantType.DateTime, "2025-01-10T12:01:03.123000Z"),
        "id": (uuid.UUID(int=7), ua.VariantType.Guid, str(uuid.UUID(int=7))),
        "raw": (b"\x01\x02", ua.VariantType.ByteString, "AQI="),
        "label": (ua.LocalizedText("Druck"), ua.VariantType.LocalizedText, "Druck"),
        "dead": (float("nan"), ua.VariantType.Double, None),
    }
    async with PlantServer() as server:
        for name, (value, type_, _) in plain.items():
            await server.add(name, value, type_)
        tags = [tag(name) for name in plain]
        async with connected(server.endpoint, mode=mode, tags=tags) as seen:
            await seen.until(lambda: len({sample.parameter for sample in seen.samples}) == len(plain))
    assert {sample.parameter: sample.value for sample in seen.samples} == {n: v for n, (_, _, v) in plain.items()}
    texts = {sample.parameter for sample in seen.samples if sample.point.is_event}
    assert texts == {"name", "when", "id", "raw", "label"}
    assert [(s.quality, s.reason) for s in seen.of("dead")] == [(Quality.BAD, "not_a_number")]


@pytest.mark.parametrize("mode", MODES)
async def test_arrays_and_structures_become_a_parameter_for_each_part(mode: str) -> None:
    async def prepare(server: Server) -> None:
        index = await server.register_namespace(URI)
        await new_struct(
            server,
            index,
            "Motor",
            [
                new_struct_field("Speed", ua.VariantType.Double),
                new_struct_field("Phases", ua.VariantType.Int32, array=True),
                new_struct_field("Note", ua.VariantType.String, optional=True),
            ],
        )
        await server.load_data_type_definitions()
        motor: Any = vars(ua)["Motor"](Speed=12.5, Phases=[1, 2, 3])
        await plant.add("motor", motor)
        await plant.add("speed", motor)

    plant = PlantServer(prepare=prepare)
    async with plant:
        await plant.add("temperatures", [1.5, 2.5, 3.5], ua.VariantType.Double)
        await plant.add("second", [1.5, 2.5, 3.5], ua.VariantType.Double)
        tags = [tag("temperatures"), tag("second", index=1), tag("motor"), tag("speed", field="Speed")]
        async with connected(plant.endpoint, mode=mode, tags=tags) as seen:
            await seen.until(
                lambda: {"temperatures.2", "second", "motor.Speed", "speed"} <= {s.parameter for s in seen.samples}
            )
            assert {s.parameter: s.value for s in seen.samples} == {
                "temperatures.0": 1.5,
                "temperatures.1": 2.5,
                "temperatures.2": 3.5,
                "second": 2.5,
                "motor.Speed": 12.5,
                "motor.Phases.0": 1,
                "motor.Phases.1": 2,
                "motor.Phases.2": 3,
                "speed": 12.5,
            }
            await plant.set("temperatures", [1.0, 2.0, 3.0], int(ua.StatusCodes.BadOutOfService))
            await seen.until(lambda: seen.of("temperatures.0")[-1].quality is Quality.BAD)
            assert [seen.of(f"temperatures.{n}")[-1].reason for n in range(3)] == ["BadOutOfService"] * 3


@pytest.mark.parametrize("mode", MODES)
async def test_an_enumeration_is_its_number_and_an_event_with_its_word(mode: str) -> None:
    async def prepare(server: Server) -> None:
        index = await server.register_namespace(URI)
        data_type = await new_enum(server, index, "State", ["Stopped", "Running"])
        node = await plant.add("state", 1, ua.VariantType.Int32)
        await node.write_attribute(
            ua.AttributeIds.DataType, ua.DataValue(ua.Variant(data_type.nodeid, ua.VariantType.NodeId))
        )

    plant = PlantServer(prepare=prepare)
    async with plant, connected(plant.endpoint, mode=mode, tags=[tag("state", event=True)]) as seen:
        await seen.until(lambda: len(seen.samples) >= 2)
    assert {(s.value, s.point.is_event, s.point.event) for s in seen.samples} == {
        (1, False, False),
        ("Running", True, False),
    }


@pytest.mark.parametrize("mode", MODES)
async def test_a_status_is_a_quality_with_its_name_and_a_source_time_is_the_device_time(mode: str) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    async with PlantServer() as server:
        await server.add("a", 1.0)
        async with connected(server.endpoint, mode=mode, device_time="source", tags=[tag("a")]) as seen:
            await seen.until(lambda: seen.samples)
            for status, quality, reason, value in (
                (ua.StatusCodes.UncertainLastUsableValue, Quality.UNCERTAIN, "UncertainLastUsableValue", 2.0),
                (ua.StatusCodes.BadNoCommunication, Quality.BAD, "comm_loss", None),
                (ua.StatusCodes.BadSensorFailure, Quality.BAD, "BadSensorFailure", None),
            ):
                await server.set("a", 2.0, int(status), at)
                await seen.until(partial(_ends_with, seen, reason))
                last = seen.samples[-1]
                assert (last.quality, last.value) == (quality, value)
                assert last.device_time_us == int(at.timestamp()) * 1_000_000 + 678901


@pytest.mark.parametrize("mode", MODES)
async def test_a_setpoint_of_last_year_is_told_as_it_is_now(mode: str) -> None:
    async with PlantServer() as server:
        await server.add("setpoint", 40.0)
        await server.set("setpoint", 40.0, at=datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC))
        async with connected(server.endpoint, mode=mode, tags=[tag("setpoint")]) as seen:
            await seen.until(lambda: len(seen.samples) >= (3 if mode == "poll" else 1))
            changed = datetime.now(UTC)
            await server.set("setpoint", 41.0, at=changed)
            await seen.until(lambda: 41.0 in seen.values("setpoint"))
    old = [sample for sample in seen.samples if sample.value == 40.0]
    # asyncua's server keeps the time of the last write: what counts is when it answered
    assert all(abs(sample.time_us - sample.gateway_time_us) < 5_000_000 for sample in old)
    assert next(sample for sample in seen.samples if sample.value == 41.0).time_us == int(changed.timestamp() * 1e6)
    times = [sample.time_us for sample in seen.samples]
    assert times == sorted(times)


@pytest.mark.parametrize("mode", MODES)
async def test_a_node_that_is_not_there_is_bad_alone_and_read_once_it_is(mode: str) -> None:
    late = "late"
    async with PlantServer() as server:
        await server.add("a", 1.0)
        tags = [
            tag("a"),
            tag(late),
            {"name": "path", "node": "/Objects/nsu=http://example.com/plant;Plant/nsu=http://example.com/plant;late"},
            {"name": "namespace", "node": "nsu=http://nowhere;s=x"},
        ]
        async with connected(server.endpoint, mode=mode, tags=tags) as seen:
            await seen.until(lambda: {s.parameter for s in seen.samples} == {"a", late, "path", "namespace"})
            assert [s.quality for s in seen.of("a")][:1] == [Quality.GOOD]
            for name in (late, "path", "namespace"):
                assert [(s.quality, s.reason) for s in seen.of(name)][:1] == [(Quality.BAD, "BadNodeIdUnknown")]
            assert [fault.kind for fault in seen.faults] == ["device"]
            assert all(name in seen.faults[0].message for name in (late, "path", "namespace"))
            await server.add(late, 5.0)
            await seen.until(lambda: seen.values(late)[-1] == 5.0 and seen.values("path")[-1] == 5.0)
            assert seen.values("namespace")[-1] is None


@pytest.mark.parametrize("mode", MODES)
async def test_nodes_are_found_by_uri_after_the_server_numbered_its_namespaces_anew(mode: str) -> None:
    async with PlantServer() as server:
        await server.add("a", 1.0)
        async with connected(server.endpoint, mode=mode, tags=[tag("a")]) as seen:
            await seen.until(lambda: seen.samples)
            before = server.index
            await server.stop()
            server.extra_namespaces = ("http://example.com/first", "http://example.com/second")
            await server.start()
            assert server.index != before
            await seen.adapter.connect()
            seen.samples.clear()
            await seen.until(lambda: seen.samples)
            assert seen.values("a")[0] == 1.0


async def test_a_server_that_takes_few_items_a_call_is_asked_in_parts() -> None:
    async with PlantServer() as server:
        for number in range(7):
            await server.add(f"t{number}", float(number))
        tags = [tag(f"t{number}") for number in range(7)]
        for mode in MODES:
            async with connected(server.endpoint, mode=mode, tags=tags, max_items_per_call=3) as seen:
                await seen.until(partial(_has_seen, seen, 7))
                assert {s.parameter: s.value for s in seen.samples} == {f"t{n}": float(n) for n in range(7)}


async def test_browse_offers_variables_with_value_unit_and_a_tag_that_reads_them() -> None:
    async def prepare(server: Server) -> None:
        node = await plant.add("pressure", 4.5)
        unit = ua.EUInformation(DisplayName=ua.LocalizedText("bar"))
        await node.add_property(0, "EngineeringUnits", unit)
        await plant.add("name", "pump")

    plant = PlantServer(prepare=prepare)
    async with plant, connected(plant.endpoint, mode="poll", tags=[tag("pressure")]) as seen:
        offers = [offer async for offer in seen.adapter.browse()]
        some = [offer async for offer in seen.adapter.browse("*press*")]
        servers = [offer async for offer in seen.adapter.browse("Server/ServerStatus/*")]
        tags = [dict(offer.tag) for offer in offers if offer.tag is not None]
        async with connected(plant.endpoint, mode="poll", tags=tags) as again:
            await again.until(lambda: again.samples)
    assert {offer.path for offer in offers} == {"Plant/pressure", "Plant/name"}
    assert [(o.path, o.type, o.value, o.unit) for o in some] == [("Plant/pressure", "Double", "4.5", "bar")]
    assert some[0].tag == {"name": "Plant.pressure", "node": f"nsu={URI};s=pressure", "unit": "bar"}
    assert len(servers) > 3
    assert {s.parameter: s.value for s in again.samples} == {"Plant.pressure": 4.5, "Plant.name": "pump"}


def _ends_with(seen: Seen, reason: str) -> bool:
    return seen.samples[-1].reason == reason


def _has_seen(seen: Seen, parameters: int) -> bool:
    return len({sample.parameter for sample in seen.samples}) == parameters
