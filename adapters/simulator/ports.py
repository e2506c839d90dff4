"""Where the simulated plant listens unless told otherwise, and how it says where it does. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

MODBUS_PORT: Final = 5020
OPCUA_PORT: Final = 24840
MQTT_PORT: Final = 21883
PORTS: Final[Mapping[str, int]] = {"modbus-tcp": MODBUS_PORT, "opcua": OPCUA_PORT, "mqtt": MQTT_PORT}
"""Port of each server by the adapter that reads it: those of topology.yaml."""
_LINE: Final = re.compile(r"^(\S+) listening on \S+:(\d+) ", re.MULTILINE)


def said(name: str, host: str, port: int, what: str) -> str:
    """The line that tells where a server listens."""
    return f"{name} listening on {host}:{port} ({what})\n"


def ports_in(output: str) -> dict[str, int]:
    """The ports that the simulated plant has told so far, by adapter."""
    return {name: int(port) for name, port in _LINE.findall(output)}
