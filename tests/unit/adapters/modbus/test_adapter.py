from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from adapters.modbus.adapter import ModbusAdapter
from adapters.modbus.config import DataType, ModbusConfig
from adapters.modbus.decode import encode, to_bytes
from adapters.modbus.plan import ReadRequest
from ironstream.contract import Quality
from ironstream.gateway.adapter import COMM_LOSS, DeviceRefusedError, DeviceTimeoutError

NOW_US = 1_736_510_463_000_000


class FakeClient:
    """Registers 0 to 9 of each unit hold 100 × unit + address; `answer` may refuse before that."""

    def __init__(self, answer: Callable[[ReadRequest], None] = lambda request: None) -> None:
        self.answer = answer
        self.requests: list[ReadRequest] = []
        self.retries: list[bool] = []
        self.words: dict[int, int] = {}

    async def connect(self) -> None: ...

    async def close(self) -> None: ...

    async def read(self, request: ReadRequest, *, retry: bool = True) -> bytes:
        self.requests.append(request)
        self.retries.append(retry)
        self.answer(request)
        return to_bytes(
            [
                self.words.get(address, 100 * request.unit_id + address)
                for address in range(request.address, request.address + request.count)
            ]
        )

    async def identify(self, unit_id: int) -> dict[int, str]:
        return {0: "ACME"}


def adapter(client: FakeClient, now_s: Callable[[], float] = lambda: 0.0, **fields: Any) -> ModbusAdapter:
    tags = [{"name": "a", "address": 0}, {"name": "b", "address": 4}, {"name": "other", "address": 0, "unit_id": 2}]
    config = ModbusConfig.model_validate({"tags": tags, **fields})
    return ModbusAdapter(config, client, wall_us=lambda: NOW_US, monotonic_s=now_s)


async def test_values_come_in_the_order_of_the_tags_with_the_time_of_the_read() -> None:
    samples = (await adapter(FakeClient()).read()).samples
    assert [(s.parameter, s.value, s.device_time_us) for s in samples] == [
        ("a", 100, NOW_US),
        ("b", 104, NOW_US),
        ("other", 200, NOW_US),
    ]


async def test_one_address_that_is_refused_does_not_take_its_neighbours_with_it() -> None:
    def refuse_4(request: ReadRequest) -> None:
        if request.address <= 4 < request.address + request.count and request.unit_id == 1:
            raise DeviceRefusedError("illegal data address", code=2)

    client = FakeClient(refuse_4)
    device = adapter(client)
    first = await device.read()
    assert [(s.value, s.reason) for s in first.samples] == [(100, None), (None, COMM_LOSS), (200, None)]
    assert {fault.kind for fault in first.faults} == {"device"}
    client.requests.clear()
    await device.read()
    assert [(r.unit_id, r.address, r.count) for r in client.requests] == [(1, 0, 1), (1, 4, 1), (2, 0, 1)]


async def test_a_silent_unit_is_bad_alone_rests_after_three_failures_and_is_probed() -> None:
    now_s = 0.0
    silent = True

    def answer(request: ReadRequest) -> None:
        if request.unit_id == 2 and silent:
            raise DeviceTimeoutError("unit 2: no answer")

    client = FakeClient(answer)
    device = adapter(client, lambda: now_s, suspend_after_failures=3, probe_interval_s=10)
    faults = 0
    for _ in range(5):
        received = await device.read()
        faults += len(received.faults)
        assert [s.quality for s in received.samples] == [Quality.GOOD, Quality.GOOD, Quality.BAD]
    assert sum(request.unit_id == 2 for request in client.requests) == 3
    now_s, silent = 10.0, False
    back = await device.read()
    assert back.samples[2].value == 200
    assert faults == 3
    assert not back.faults


async def test_a_unit_that_failed_lately_costs_its_neighbours_no_retries() -> None:
    silent = True

    def answer(request: ReadRequest) -> None:
        if request.unit_id == 2 and silent:
            raise DeviceTimeoutError("unit 2: no answer")

    client = FakeClient(answer)
    device = adapter(client)
    for answers in (False, False, True, True):
        silent = not answers
        await device.read()
    of_unit_2 = [retry for request, retry in zip(client.requests, client.retries, strict=True) if request.unit_id == 2]
    assert of_unit_2 == [True, False, False, True]


async def test_when_no_unit_answers_the_connection_is_given_up() -> None:
    def silent(request: ReadRequest) -> None:
        raise DeviceTimeoutError("no answer")

    with pytest.raises(DeviceTimeoutError):
        await adapter(FakeClient(silent)).read()


async def test_the_clock_of_the_device_stamps_its_own_unit_only() -> None:
    client = FakeClient()
    client.words = dict(enumerate(encode(1_736_510_455, DataType.UINT32), start=6))
    samples = (await adapter(client, device_time={"address": 6}).read()).samples
    assert [s.device_time_us for s in samples] == [1_736_510_455_000_000, 1_736_510_455_000_000, None]
    assert all(s.gateway_time_us == NOW_US for s in samples)


async def test_tags_of_several_assets_may_have_the_same_name() -> None:
    tags = [{"name": "t", "address": 0, "asset": "x"}, {"name": "t", "address": 1, "asset": "y"}]
    device = adapter(FakeClient(), tags=tags)
    assert [(s.point.asset_id, s.value) for s in (await device.read()).samples] == [("x", 100), ("y", 101)]
    assert [p.key for p in device.points] == ["x/t", "y/t"]


async def test_a_float_that_is_not_a_number_is_bad_and_null() -> None:
    client = FakeClient()
    client.words = {0: 0x7FC0, 1: 0}
    samples = (await adapter(client, tags=[{"name": "t", "address": 0, "type": "FLOAT32"}]).read()).samples
    assert [(s.value, s.quality, s.reason) for s in samples] == [(None, Quality.BAD, "not_a_number")]
