"""The alarm that the simulated boiler raises by itself, as a condition of OPC UA (Part 9)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from asyncua import Server, ua

from adapters.simulator.boiler import Boiler

SOURCE: Final = "DrumLevel"
"""SourceName of the alarm: the variable that it is about."""
CONDITION: Final = "LowWater"
SEVERITY: Final = 900


class LowWaterAlarm:
    """Active while the boiler says "low water". Notified by the node Server; a refresh tells it while it is active."""

    def __init__(self, server: Server, node_id: ua.NodeId) -> None:
        self._server = server
        self._node_id = node_id
        self._generator: Any = None
        self._active = False

    async def prepare(self) -> None:
        """Make it known to the server's clients; once, before the server starts."""
        self._generator = await self._server.get_event_generator(ua.ObjectIds.AlarmConditionType)
        event = self._generator.event
        event.NodeId = self._node_id
        event.SourceName, event.ConditionName, event.Severity = SOURCE, CONDITION, SEVERITY
        setattr(event, "EnabledState/Id", True)

    async def follow(self, boiler: Boiler, now: datetime) -> None:
        """Tell that it came or went; does nothing while neither happened."""
        if boiler.low_water == self._active:
            return
        self._active = boiler.low_water
        event = self._generator.event
        setattr(event, "ActiveState/Id", self._active)
        event.Retain = self._active
        text = "is low" if self._active else "is back"
        await self._generator.trigger(now, f"water in the drum {text}: {boiler.level:.1f} %")
