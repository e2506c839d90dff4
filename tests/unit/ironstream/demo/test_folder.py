from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ironstream.demo.folder import sample_topology, write_topology
from ironstream.errors import ConfigurationError

SAMPLE = """\
version: 1
pipelines:
  - {id: a, adapter: modbus-tcp, config: {host: 127.0.0.1, port: 5020}}
  - {id: b, adapter: modbus-tcp, config: {host: 10.0.0.9, port: 502}}   # another device
  - {id: c, adapter: opcua, config: {endpoint: "opc.tcp://127.0.0.1:24840"}}
  - {id: d, adapter: mqtt, config: {host: 127.0.0.1, port: 21883}}
  - {id: e, adapter: mqtt, config: {host: 127.0.0.1, port: 5020}}
"""


def test_pipelines_of_the_simulated_plant_read_it_where_it_listens_and_all_others_stay(tmp_path: Path) -> None:
    (tmp_path / "sample.yaml").write_text(SAMPLE, encoding="utf-8")
    write_topology(tmp_path / "sample.yaml", tmp_path / "t.yaml", {"modbus-tcp": 1, "opcua": 2, "mqtt": 3})

    text = (tmp_path / "t.yaml").read_text(encoding="utf-8")
    configs = [pipeline["config"] for pipeline in YAML(typ="safe").load(text)["pipelines"]]
    assert [config.get("port") for config in configs] == [1, 502, None, 3, 5020]
    assert configs[2]["endpoint"] == "opc.tcp://127.0.0.1:2"
    assert "# another device" in text


def test_every_pipeline_of_the_example_plant_is_one_of_the_simulated_plant(tmp_path: Path) -> None:
    write_topology(sample_topology(), tmp_path / "t.yaml", {"modbus-tcp": 40001, "opcua": 40002, "mqtt": 40003})

    pipelines = YAML(typ="safe").load((tmp_path / "t.yaml").read_text(encoding="utf-8"))["pipelines"]
    assert pipelines
    for pipeline in pipelines:
        config = pipeline["config"]
        assert str(config.get("port", config.get("endpoint"))).endswith(("40001", "40002", "40003"))


def test_a_sample_that_is_no_topology_is_told(tmp_path: Path) -> None:
    (tmp_path / "sample.yaml").write_text("pipelines: 1\n", encoding="utf-8")

    with pytest.raises(ConfigurationError, match="cannot be used for the demo"):
        write_topology(tmp_path / "sample.yaml", tmp_path / "t.yaml", {})
