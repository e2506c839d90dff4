from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML

import adapters.xbee
from adapters.xbee.config import Block, NodeConfig, XBeeConfig
from adapters.xbee.tag import Tag, TimeField
from ironstream.topology.lists.entries import entries_from_csv, entries_to_csv

NODE = {"node_id": "WELL-12"}
TAG = {"name": "a", "address": 0}


def config(**fields: Any) -> XBeeConfig:
    return XBeeConfig.model_validate({"xbee_port": "/dev/ttyUSB0", "nodes": [NODE], "tags": [TAG], **fields})


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({}, "address or byte"),
        ({"address": 0, "byte": 0}, "address or byte"),
        ({"address": 0, "type": "BIT"}, "BIT of a register needs bit"),
        ({"byte": 0, "bit": 8}, "bit 8 is not in a byte"),
        ({"address": 0, "type": "STRING"}, "needs length"),
        ({"address": 0, "scale": 0}, "makes every value the same"),
        ({"address": 0, "type": "INT32", "byte_order": "GHEFCDAB"}, "four registers"),
        ({"kind": "discrete", "address": 16}, "address 0 to 15"),
        ({"kind": "discrete", "byte": 1}, "address 0 to 15"),
        ({"kind": "input", "address": 8}, "address 0 to 7"),
        ({"kind": "input", "address": 0, "type": "FLOAT32"}, "one register"),
        ({"kind": "discrete", "address": 0, "type": "UINT16"}, "is a bit"),
        ({"kind": "coil", "address": 0}, "Input should be"),
        ({"address": 0, "type": "UINT8"}, "Input should be"),
        ({"address": 0, "unknown": 1}, "Extra inputs"),
    ],
)
def test_a_tag_that_cannot_be_read_is_refused_with_the_reason(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Tag.model_validate({"name": "a", **fields})


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"nodes": [{}]}, "node_id or address64"),
        ({"nodes": [{"node_id": "a", "address64": "0013A20041B2C3D4"}]}, "node_id or address64"),
        ({"nodes": [{"address64": "0013A2"}]}, "pattern"),
        ({"nodes": [{"address64": "000000000000ffff"}]}, "address of all radios"),
        ({"nodes": [NODE, NODE]}, "node WELL-12 is given twice"),
        ({"nodes": [NODE, {"node_id": "TANK"}]}, "there are 2 nodes: say which"),
        ({"tags": [{**TAG, "node": "TANK"}]}, "there is no node TANK; there are: WELL-12"),
        ({"tags": [TAG, TAG]}, "a is given twice"),
        ({"tags": [{**TAG, "name": "rssi"}], "rssi_interval_s": 1}, "rssi is given twice"),
        ({"nodes": [{**NODE, "layout": []}]}, "at least 1"),
        ({"nodes": [{**NODE, "layout": [{"prefix": "A"}]}]}, "pattern"),
        (
            {"nodes": [{**NODE, "layout": [{"device_time": {"address": 0, "byte_order": "GHEFCDAB"}}]}]},
            "four registers",
        ),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_with_the_reason(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        config(**fields)


def test_nodes_that_share_an_asset_need_names_of_their_own_for_their_signal() -> None:
    nodes = [{"node_id": "N", "asset": "p"}, {"node_id": "S", "asset": "p"}]
    tags = [{**TAG, "node": "N"}, {"name": "b", "address": 0, "node": "S"}]
    with pytest.raises(ValidationError, match="p/rssi is given twice"):
        config(nodes=nodes, tags=tags, rssi_interval_s=60)
    nodes[1]["rssi_parameter"] = "rssi_south"
    assert config(nodes=nodes, tags=tags, rssi_interval_s=60).nodes[1].rssi_parameter == "rssi_south"


def test_every_fault_of_tags_and_nodes_is_named_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        config(nodes=[NODE, NODE], tags=[TAG, {**TAG, "node": "X"}, {**TAG, "node": "Y"}])
    for fault in ("WELL-12 is given twice", "tag a: there are 2 nodes", "no node X", "no node Y"):
        assert fault in str(caught.value)


def test_a_tag_finds_its_node_by_name_or_by_address_in_either_case() -> None:
    made = config(
        nodes=[NODE, {"address64": "0013a20041b2c3d4"}],
        tags=[{**TAG, "node": "WELL-12"}, {"name": "b", "address": 0, "node": "0013A20041b2C3D4"}],
    )
    assert [made.node_of(tag).key for tag in made.tags] == ["WELL-12", "0013A20041B2C3D4"]


def test_the_short_forms_of_a_tag_mean_what_they_say() -> None:
    assert Tag.model_validate({"name": "a", "byte": 3, "bit": 0}).type == "BIT"
    assert Tag.model_validate({"name": "a", "kind": "discrete", "address": 3}).type == "BIT"
    assert Tag.model_validate({"name": "a", "byte": 3, "type": "UINT8"}).size == 1


def test_tags_go_through_a_spreadsheet_unchanged() -> None:
    tags = [
        Tag.model_validate({"name": "a", "node": "N", "address": 2, "type": "FLOAT32", "scale": 0.1, "unit": "bar"}),
        Tag.model_validate({"name": "b", "byte": 5, "type": "UINT8"}),
        Tag.model_validate({"name": "c", "kind": "discrete", "address": 0, "event": True}),
    ]
    assert [listed.value for listed in entries_from_csv(entries_to_csv(tags, Tag), Tag)] == tags


@pytest.mark.parametrize("model", [XBeeConfig, NodeConfig, Block, TimeField, Tag])
def test_every_field_has_a_description(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_the_sample_is_a_valid_pipeline() -> None:
    assert adapters.xbee.__file__ is not None
    sample = YAML(typ="safe").load(Path(adapters.xbee.__file__).with_name("sample.yaml"))
    assert XBeeConfig.model_validate(sample["config"]).api_mode == 2
