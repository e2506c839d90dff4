"""One bench for every adapter, by the name of the registry; a new adapter adds its own here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.conformance.benches.bench import Bench
from tests.conformance.benches.modbus import ModbusBench
from tests.conformance.benches.modbus_rtu import ModbusRtuBench, RtuOverTcpBench
from tests.conformance.benches.mqtt import MqttBench, SparkplugBench
from tests.conformance.benches.opcua import OpcUaPollBench, OpcUaSubscribeBench
from tests.conformance.benches.xbee import XBeeBench

BENCHES: Final[Mapping[str, Callable[[], Bench]]] = {
    "modbus-rtu": ModbusRtuBench,
    "modbus-tcp": ModbusBench,
    "modbus-tcp with RTU frames": RtuOverTcpBench,
    "mqtt": MqttBench,
    "mqtt with Sparkplug": SparkplugBench,
    "opcua polled": OpcUaPollBench,
    "opcua subscribed": OpcUaSubscribeBench,
    "xbee-modbus": XBeeBench,
}
