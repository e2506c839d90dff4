"""What a Modbus device offers: it cannot say so, hence addresses are read, and those that answer are offered."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from adapters.modbus.client import RegisterClient
from adapters.modbus.config import ModbusConfig, RegisterKind
from adapters.modbus.exceptions import ILLEGAL_ADDRESS, ILLEGAL_VALUE
from adapters.modbus.plan import ReadRequest
from ironstream.errors import ConfigurationError
from ironstream.gateway.adapter import DeviceProtocolError, DeviceRefusedError, DeviceTimeoutError, Offer

DEFAULT_RANGE: Final = range(200)
"""Addresses that are read where the pattern names none, counted as on the wire."""
_REFERENCE: Final = {
    RegisterKind.COIL: 0,
    RegisterKind.DISCRETE: 1,
    RegisterKind.INPUT: 3,
    RegisterKind.HOLDING: 4,
}
_IDENTIFICATION: Final = {
    0: "VendorName",
    1: "ProductCode",
    2: "MajorMinorRevision",
    3: "VendorUrl",
    4: "ProductName",
    5: "ModelName",
    6: "UserApplicationName",
}
_HINT: Final = "give *, holding, holding/0-199, in*/30, 2/holding/0-99 (unit 2) or 1/identification"


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: shell patterns for unit and space, and the addresses."""

    units: str
    spaces: str
    addresses: range

    @classmethod
    def of(cls, pattern: str) -> Search:
        """Read `[unit/]space[/address or first-last]`; each part may be a shell pattern, addresses `*` or numbers.

        Raises ConfigurationError when it is none.
        """
        parts = pattern.split("/") if pattern else [""]
        units = parts.pop(0) if len(parts) > 1 and re.fullmatch(r"[\d*?\[\]]+", parts[0]) else "*"
        spaces, *rest = parts
        addresses = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", rest[0]) if len(rest) == 1 and rest != ["*"] else None
        if not spaces or len(rest) > 1 or (rest not in ([], ["*"]) and addresses is None):
            raise ConfigurationError(f"{pattern!r} names no registers", _HINT)
        if addresses is None:
            return cls(units, spaces, DEFAULT_RANGE)
        first, last = int(addresses[1]), int(addresses[2] or addresses[1])
        if not first <= last <= 65535:
            raise ConfigurationError(f"{pattern!r}: addresses go from 0 to 65535, the lower one first", _HINT)
        return cls(units, spaces, range(first, last + 1))


async def browse(client: RegisterClient, config: ModbusConfig, pattern: str = "*") -> AsyncIterator[Offer]:
    """Offers of the connected device for every unit of its configuration, by unit, space and address.

    `pattern` is that of `Search.of`; without addresses 0 to 199 are read. Paths are `unit/space/address` with addresses
    as on the wire; the tag of an offer counts from the device's `address_base`. A block that the device refuses is
    halved until what it has is found, which may be many reads. Raises AdapterError and ConfigurationError.
    """
    search = Search.of(pattern)
    units = sorted({config.unit_id if tag.unit_id is None else tag.unit_id for tag in config.tags})
    for unit_id in units:
        if not fnmatchcase(str(unit_id), search.units):
            continue
        if fnmatchcase("identification", search.spaces):
            async for offer in _identification(client, unit_id):
                yield offer
        for kind in RegisterKind:
            if fnmatchcase(kind, search.spaces):
                async for address, value in _answering(client, config, unit_id, kind, search.addresses):
                    yield _offer(config, unit_id, kind, address, value)


async def _identification(client: RegisterClient, unit_id: int) -> AsyncIterator[Offer]:
    try:
        objects = await client.identify(unit_id)
    except (DeviceRefusedError, DeviceTimeoutError, DeviceProtocolError):
        # old devices answer an unknown function with silence; whether they are there, the registers tell
        return
    for object_id, text in sorted(objects.items()):
        name = _IDENTIFICATION.get(object_id, str(object_id))
        yield Offer(f"43/14/{object_id}", f"{unit_id}/identification/{name}", "text", text)


async def _answering(
    client: RegisterClient, config: ModbusConfig, unit_id: int, kind: RegisterKind, addresses: range
) -> AsyncIterator[tuple[int, int]]:
    """Addresses that the unit has, with the word or bit that is there."""
    block = config.max_bits_per_read if kind.is_bits else config.max_registers_per_read
    blocks = [addresses[at : at + block] for at in reversed(range(0, len(addresses), block))]
    while blocks:
        wanted = blocks.pop()
        try:
            data = await client.read(ReadRequest(unit_id, kind, wanted.start, len(wanted), ()))
        except DeviceRefusedError as error:
            if error.code not in (ILLEGAL_ADDRESS, ILLEGAL_VALUE):
                return
            if len(wanted) > 1:
                middle = len(wanted) // 2
                blocks += [wanted[middle:], wanted[:middle]]
            continue
        for index, address in enumerate(wanted):
            if kind.is_bits:
                yield address, data[index // 8] >> index % 8 & 1
            else:
                yield address, int.from_bytes(data[2 * index : 2 * index + 2], "big")


def _offer(config: ModbusConfig, unit_id: int, kind: RegisterKind, address: int, value: int) -> Offer:
    tag: dict[str, object] = {"name": f"{kind}_{address + config.address_base}", "kind": str(kind)}
    tag["address"] = address + config.address_base
    if unit_id != config.unit_id:
        # names are told apart by asset, which only a person knows
        tag |= {"name": f"unit_{unit_id}_{tag['name']}", "unit_id": unit_id}
    tag["type"] = "BIT" if kind.is_bits else "UINT16"
    return Offer(
        f"{_REFERENCE[kind]}{address + 1:05}",
        f"{unit_id}/{kind}/{address}",
        "bit" if kind.is_bits else "register",
        str(value),
        tag=tag,
    )
