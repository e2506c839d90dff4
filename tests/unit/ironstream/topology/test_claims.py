from __future__ import annotations

from adapters.registry import CONFIG_MODELS
from ironstream.topology import check_text

TOPOLOGY = """
version: 1
pipelines:
  - {{id: a, adapter: modbus-rtu, asset: x, {a}, config: {{serial_port: /dev/ttyS0, tags: [{{name: t, address: 0}}]}}}}
  - {{id: b, adapter: modbus-rtu, asset: y, {b}, config: {{serial_port: /dev/ttyS0, tags: [{{name: t, address: 0}}]}}}}
"""


def faults(a: str, b: str) -> list[str]:
    return [fault.message for fault in check_text(TOPOLOGY.format(a=a, b=b).encode(), adapters=CONFIG_MODELS).faults]


def test_two_pipelines_of_one_gateway_cannot_have_one_serial_port() -> None:
    for a, b in (("gateway: g", "gateway: g"), ("gateway: g", "enabled: true"), ("enabled: true", "gateway: g")):
        assert faults(a, b) == ["pipeline 'a' in line 4 has serial port /dev/ttyS0 too"]


def test_gateways_have_ports_of_their_own() -> None:
    assert faults("gateway: g", "gateway: h") == []


def test_a_pipeline_that_does_not_run_has_nothing() -> None:
    assert faults("enabled: false", "enabled: true") == []
