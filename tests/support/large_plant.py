"""A topology file of thousands of machines: `python -m tests.support.large_plant 10000 > large.yaml`."""

from __future__ import annotations

import sys

_HEAD = """\
version: 1
tenants: [{id: acme}]
sites: [{id: north, tenant: acme}]
machine_types:
  - {id: pump, parameters: [{name: temperature, unit: degC, expected_interval_s: 1}, {name: flow, unit: m3/h}]}
alarms:
  - {id: hot, type: overheat, parameter: temperature, condition: {above: 90, deadband: 2 %}}
  - {id: mute, type: no_data, parameter: temperature, condition: {no_data_s: 30}}
assets:
"""


def large_plant(assets: int, *, hottest: float = 150) -> str:
    """As many pumps; each says something of two of its three parameters itself, the highest temperature among it."""
    return _HEAD + "".join(
        f"""\
  - id: pump-{number}
    tenant: acme
    site: north
    machine_type: pump
    max_readings_per_s: 50
    parameters:
      - name: temperature
        unit: degC
        range: {{min: -20, max: {hottest:g}, action: bad}}
      - {{name: pressure, unit: bar, max_rate: 5, max_step: 20}}
"""
        for number in range(assets)
    )


if __name__ == "__main__":
    sys.stdout.write(large_plant(int(sys.argv[1])))
