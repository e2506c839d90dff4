from __future__ import annotations

from pathlib import Path

import pytest

import adapters.registry
from tests.support.talker import KINDS

PLANT = """\
version: 1
pipelines:
  - id: boiler
    adapter: talker
    enabled: false
    asset: boiler-1
    config:
      password: ${secret:boiler}
      tags:
        # the only one
        - {name: T0, node: s=0, unit: degC}
  - {id: pump, adapter: modbus-tcp, asset: pump-1, config: {host: 127.0.0.1, port: 1, tags: [{name: a, address: 0}]}}
  - {id: deaf, adapter: deaf-talker, asset: boiler-2}
"""


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A topology file of this test, with an adapter that speaks by itself in the registry."""
    path = tmp_path / "topology.yaml"
    path.write_text(PLANT, encoding="utf-8")
    monkeypatch.setenv("IRONSTREAM_TOPOLOGY", str(path))
    monkeypatch.setenv("IRONSTREAM_SECRET_BOILER", "right")
    monkeypatch.setattr(adapters.registry, "ADAPTERS", KINDS)
    models = {name: kind.config_model for name, kind in KINDS.items()}
    monkeypatch.setattr(adapters.registry, "CONFIG_MODELS", models)
    return path
