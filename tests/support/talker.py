"""An adapter whose device speaks by itself and says what it offers, without any I/O: for the commands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from fnmatch import fnmatch
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from adapters.registry import ADAPTERS
from ironstream.contract import Quality, Severity
from ironstream.gateway.adapter import (
    AdapterKind,
    DeviceAlarm,
    DeviceSecurityError,
    Fault,
    Offer,
    Point,
    Received,
    Sample,
)

NOW_US = 1_736_510_463_000_000


class TalkerTag(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    node: str
    unit: str | None = None

    @property
    def key(self) -> str:
        return self.name


class TalkerConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")
    password: str = ""
    tags: list[TalkerTag] = Field(default_factory=list)


class Talker:
    """Tells every tag but `quiet` once, one a read, and one alarm; then nothing for ever."""

    paced = False

    def __init__(self, config: TalkerConfig) -> None:
        self._config = config
        self.points: Sequence[Point] = [Point(tag.name, tag.unit) for tag in config.tags]
        self._left = [point for point in self.points if point.parameter != "quiet"]
        self.open = False

    async def connect(self) -> None:
        if self._config.password.startswith("wrong"):
            raise DeviceSecurityError(f"the device refuses {self._config.password}", "give another password")
        self.open = True

    async def read(self) -> Received:
        if not self._left:
            await asyncio.Event().wait()
        point = self._left.pop(0)
        alarm = DeviceAlarm("hot", True, NOW_US, severity=Severity.HIGH, message="too [hot]", value=99.5)
        faults = [Fault("device", "one node is not there")] if point.parameter == "faulty" else []
        return Received([Sample(point, 1.25, NOW_US, quality=Quality.GOOD)], [alarm], faults)

    def pending(self) -> Received:
        return Received()

    async def acknowledge(self, receipt: object) -> None:
        raise AssertionError("a test of a device must not take what it tells")

    async def close(self) -> None:
        self.open = False

    async def browse(self, pattern: str = "*") -> AsyncIterator[Offer]:
        assert self.open
        for place in range(5):
            offer = Offer(
                f"s={place}", f"Boiler/T{place}", "Double", "1.5", "°C", {"name": f"T{place}", "node": f"s={place}"}
            )
            if fnmatch(offer.path, pattern):
                yield offer
        if fnmatch("Boiler", pattern):
            yield Offer("s=b", "Boiler", "Object", "evil\x1b[2J")


class DeafTalker:
    """Offers nothing: it has all of a talker but `browse`."""

    paced = False
    points: Sequence[Point] = ()

    def __init__(self, config: TalkerConfig) -> None:
        self._talker = Talker(config)
        self.connect, self.read, self.close = self._talker.connect, self._talker.read, self._talker.close
        self.pending, self.acknowledge = self._talker.pending, self._talker.acknowledge


def without_tags(source: Mapping[str, Any], mapping: Mapping[str, Any]) -> dict[str, Any]:
    return dict(source)


KINDS: Mapping[str, AdapterKind] = MappingProxyType(
    {
        "deaf-talker": AdapterKind(TalkerConfig, TalkerTag, DeafTalker, without_tags),
        "modbus-tcp": ADAPTERS["modbus-tcp"],
        "talker": AdapterKind(TalkerConfig, TalkerTag, Talker, without_tags),
    }
)
