from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from adapters.modbus.adapter import ModbusAdapter
from adapters.modbus.browse import Search
from adapters.modbus.config import ModbusConfig, RegisterKind, Tag
from adapters.modbus.exceptions import refused
from adapters.modbus.plan import ReadRequest
from ironstream.errors import ConfigurationError
from ironstream.gateway.adapter import Browsable, DeviceRefusedError, DeviceTimeoutError, Offer


class SparseDevice:
    """Has holding registers 3 to 7 and 150, each with ten times its address, coils 0 to 11, nothing else."""

    def __init__(self) -> None:
        self.asked: list[ReadRequest] = []
        self.silent = False

    async def connect(self) -> None: ...

    async def close(self) -> None: ...

    async def read(self, request: ReadRequest, *, retry: bool = True) -> bytes:
        self.asked.append(request)
        if self.silent:
            raise DeviceTimeoutError("no answer")
        wanted = range(request.address, request.address + request.count)
        match request.kind:
            case RegisterKind.HOLDING if all(3 <= at <= 7 or at == 150 for at in wanted):
                return b"".join((10 * at).to_bytes(2, "big") for at in wanted)
            case RegisterKind.COIL if all(at < 12 for at in wanted):
                return sum((at % 2) << bit for bit, at in enumerate(wanted)).to_bytes((len(wanted) + 7) // 8, "little")
            case RegisterKind.INPUT | RegisterKind.DISCRETE:
                raise refused("it", 1)
        raise refused("it", 2)

    async def identify(self, unit_id: int) -> Mapping[int, str]:
        if self.silent:
            raise DeviceTimeoutError("no answer")
        if unit_id != 1:
            raise DeviceRefusedError("illegal function", code=1)
        return {0: "ACME", 0x80: "private"}


async def offers(device: SparseDevice, pattern: str, **fields: Any) -> list[Offer]:
    tags = [{"name": "a", "address": 1}, {"name": "b", "address": 1, "unit_id": 2}]
    adapter = ModbusAdapter(ModbusConfig.model_validate({"tags": tags, **fields}), device)
    assert isinstance(adapter, Browsable)
    return [offer async for offer in adapter.browse(pattern)]


async def test_everything_that_answers_is_offered_by_unit_space_and_address() -> None:
    found = await offers(SparseDevice(), "*")
    registers = [f"holding/{at}" for at in (3, 4, 5, 6, 7, 150)]
    coils = [f"coil/{at}" for at in range(12)]
    identity = ["1/identification/VendorName", "1/identification/128"]
    assert [offer.path for offer in found] == [
        *identity,
        *(f"{unit}/{path}" for unit in (1, 2) for path in (*coils, *registers)),
    ]


async def test_an_offer_has_the_value_and_a_tag_that_reads_it() -> None:
    (offer,) = await offers(SparseDevice(), "1/holding/5", address_base=1)
    assert (offer.address, offer.type, offer.value) == ("400006", "register", "50")
    assert offer.tag is not None
    tag = Tag.model_validate(offer.tag)
    assert (tag.name, tag.kind, tag.address, tag.type) == ("holding_6", "holding", 6, "UINT16")
    (bit,) = await offers(SparseDevice(), "2/coil/3")
    assert bit.tag is not None
    assert (bit.value, Tag.model_validate(bit.tag).unit_id, bit.tag["type"]) == ("1", 2, "BIT")


async def test_only_what_is_looked_for_is_read() -> None:
    device = SparseDevice()
    assert [offer.path for offer in await offers(device, "holding/3-4")] == [
        "1/holding/3",
        "1/holding/4",
        "2/holding/3",
        "2/holding/4",
    ]
    assert [(asked.address, asked.count) for asked in device.asked] == [(3, 2), (3, 2)]


async def test_a_space_that_the_device_does_not_know_costs_one_read() -> None:
    device = SparseDevice()
    assert await offers(device, "1/input") == []
    assert len(device.asked) == 1


async def test_reads_keep_to_the_caps_of_the_device() -> None:
    device = SparseDevice()
    await offers(device, "1/*", max_registers_per_read=10, max_bits_per_read=4)
    assert max(asked.count for asked in device.asked if asked.kind is RegisterKind.HOLDING) == 10
    assert max(asked.count for asked in device.asked if asked.kind is RegisterKind.COIL) == 4


async def test_a_device_that_is_silent_is_an_error() -> None:
    device = SparseDevice()
    device.silent = True
    with pytest.raises(DeviceTimeoutError):
        await offers(device, "1/*")


@pytest.mark.parametrize(
    ("pattern", "search"),
    [
        ("*", Search("*", "*", range(200))),
        ("holding", Search("*", "holding", range(200))),
        ("in*/30", Search("*", "in*", range(30, 31))),
        ("2/holding/0-99", Search("2", "holding", range(100))),
        ("*/coil/*", Search("*", "coil", range(200))),
    ],
)
def test_a_pattern_names_unit_space_and_addresses(pattern: str, search: Search) -> None:
    assert Search.of(pattern) == search


@pytest.mark.parametrize(
    "pattern", ["", "holding/", "holding/9-3", "holding/70000", "holding/x", "1/holding/1/2", "1/"]
)
def test_a_pattern_that_names_nothing_is_refused_with_what_is_meant(pattern: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Search.of(pattern)
    assert "holding/0-199" in caught.value.hint
