from __future__ import annotations

from adapters.registry import CONFIG_MODELS
from ironstream.topology import check_text

TOPOLOGY = """
version: 1
pipelines:
  - id: broker
    adapter: mqtt
    {asset}
    config:
      host: broker
      client_id: c
      tags:
        - {{name: level, topic: tank/level}}
        - {{name: flow, topic: tank/flow, asset: tank}}
      topics:
        - {{pattern: "a/{{asset}}/state"}}
        - {{pattern: "b/+/state"}}
        - {{pattern: "c/{{line}}/state", asset: "line-{{line}}"}}
        - {{pattern: "d/+/telemetry", format: ironstream}}
  - id: plc
    adapter: opcua
    {asset}
    config:
      endpoint: opc.tcp://plc
      tags: [{{name: speed, node: ns=2;s=speed}}]
      alarms:
        - {{notifier: i=2253}}
        - {{notifier: ns=2;s=a, assets: {{Pump 1: pump-1}}}}
        - {{notifier: ns=2;s=b, assets: {{Pump 1: pump-1}}, events: log}}
        - {{notifier: ns=2;s=c, asset: hall, events: log}}
  - id: line
    adapter: modbus-tcp
    {asset}
    config:
      host: plc
      tags:
        - {{name: a, address: 0, asset: pump-1}}
        - {{name: b, address: 1}}
  - id: radio
    adapter: xbee-modbus
    {asset}
    config:
      xbee_port: /dev/ttyUSB0
      rssi_interval_s: 60
      nodes: [{{node_id: A, asset: well}}, {{node_id: B}}]
      tags:
        - {{name: a, node: A, address: 0}}
        - {{name: b, node: B, address: 0}}
"""


def faults(asset: str) -> list[tuple[int, str, str]]:
    result = check_text(TOPOLOGY.format(asset=asset).encode(), adapters=CONFIG_MODELS)
    return [(fault.line, fault.message, fault.mend) for fault in result.faults]


def test_what_can_have_no_asset_is_named_with_its_line_before_anything_is_read() -> None:
    found = faults("enabled: true")
    assert [(line, message.removesuffix(" has no asset")) for line, message, _ in found] == [
        (11, "level"),
        (15, "what b/+/state reads"),
        (23, "speed"),
        (25, "alarms of i=2253"),
        (27, "other events of ns=2;s=b"),
        (36, "b"),
        (43, "rssi"),
        (46, "b"),
    ]
    assert all(mend.startswith("give the pipeline one, or ") for _, _, mend in found)


def test_the_asset_of_the_pipeline_is_that_of_all() -> None:
    assert faults("asset: hall") == []
