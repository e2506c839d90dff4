from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from adapters.registry import ADAPTERS, CONFIG_MODELS

CHECK = """
import sys
from pathlib import Path
from adapters.registry import CONFIG_MODELS
from ironstream.topology import load_topology
used = {pipeline.adapter for pipeline in load_topology(Path("topology.yaml"), CONFIG_MODELS).pipelines}
loaded = sys.modules.keys() & {"asyncua", "aiomqtt", "paho.mqtt", "pymodbus", "digi.xbee", "google.protobuf", "numba"}
print(*sorted(used), "|", *sorted(loaded))
"""


def test_every_adapter_has_a_model_of_its_configuration() -> None:
    assert {name: kind.config_model for name, kind in ADAPTERS.items()} == dict(CONFIG_MODELS)


def test_whoever_only_checks_a_configuration_loads_no_library_of_a_protocol() -> None:
    command = [sys.executable, "-c", CHECK]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)

    assert done.stdout == "modbus-tcp mqtt opcua |\n"
