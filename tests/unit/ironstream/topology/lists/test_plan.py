from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel

from adapters.modbus.config import ModbusTcpConfig, Tag
from ironstream.errors import ConfigurationError
from ironstream.topology import load_topology
from ironstream.topology.lists.changes import Mode, changes_of, key_of
from ironstream.topology.lists.entries import entries_from_csv
from ironstream.topology.lists.places import Tree
from ironstream.topology.lists.plan import ImportPlan, plan_import
from ironstream.topology.model import Alarm
from ironstream.topology.sources import Sources

MODELS: Mapping[str, type[BaseModel]] = {"modbus-tcp": ModbusTcpConfig}
FILE = """\
version: 1
assets:
  - {id: pump-1, parameters: [{name: temperature, unit: degC}, {name: speed}, {name: flow}]}
pipelines:
  - id: p
    adapter: modbus-tcp
    asset: pump-1
    config:
      host: plc
      tags:
        - {name: temperature, address: 0, unit: degC}  # of the bearing
        - {name: speed, address: 1}
alarms:
  - {id: hot, type: overheat, asset: pump-1, parameter: temperature, condition: {above: 90}}
"""


def plan(csv: str, text: str = FILE, *, mode: Mode = Mode.MERGE, pipeline: str = "p") -> ImportPlan:
    listed = entries_from_csv(csv, Tag, filename="list.csv")
    tree = Tree(Sources.single(text.encode(), "plant.yaml"))
    return plan_import(
        tree, tree.tags_of(pipeline),
        lambda current: changes_of(current, listed, Tag, "list.csv", mode, "tag"), "list.csv", models=MODELS,
    )  # fmt: skip


def faults_of(csv: str, text: str = FILE) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        plan(csv, text)
    return caught.value.message.splitlines()


def test_merging_adds_and_changes_and_leaves_the_others() -> None:
    made = plan("name,address,unit\ntemperature,5,K\nflow,2,\n")

    assert (made.changes.added, made.changes.changed, made.changes.removed) == (["flow"], ["temperature"], [])
    assert made.changes.unchanged == 1
    assert made.files["plant.yaml"].decode() == FILE.replace(
        "{name: temperature, address: 0, unit: degC}", "{name: temperature, address: 5, unit: K, type: UINT16}"
    ).replace("address: 1}\n", "address: 1}\n        - {name: flow, address: 2, type: UINT16}\n")


def test_overwriting_removes_what_is_not_listed() -> None:
    made = plan("name,address\nspeed,1\n", mode=Mode.OVERWRITE)

    assert (made.changes.added, made.changes.changed, made.changes.removed) == ([], [], ["temperature"])
    assert "bearing" not in made.files["plant.yaml"].decode()


def test_a_list_that_says_what_the_file_says_changes_nothing() -> None:
    made = plan("name,address,unit,type\nspeed,1,,UINT16\ntemperature,0,degC,\n", mode=Mode.OVERWRITE)

    assert not made.changes
    assert not made.files


def test_tags_that_are_at_fault_in_the_file_are_mended_by_the_list() -> None:
    broken = FILE.replace("{name: speed, address: 1}", "{name: speed, adress: 1}")

    assert plan("name,address\nspeed,1\n", broken).changes.changed == ["speed"]


def test_a_tag_that_is_listed_twice_is_named_with_both_lines() -> None:
    assert faults_of("name,address,asset\na,1,\nb,2,\na,3,\na,4,other\nb,5,\n") == [
        "list.csv:4: tag a is there twice, first in line 2",
        "list.csv:6: tag b is there twice, first in line 3",
    ]


def test_what_the_check_of_the_plant_finds_is_told_by_the_lines_of_the_list() -> None:
    faults = faults_of("name,address,unit\ntemperature,0,bar\nspeed,1,blub\n")

    assert faults[0].startswith("list.csv:2:1: error: column unit: unit 'bar' cannot be converted to 'degC'")
    assert faults[1].startswith("list.csv:3:1: error: column unit: unit 'blub' is not known")


def test_what_the_adapter_finds_in_all_of_its_tags_is_told_too() -> None:
    (fault,) = faults_of("name,address\nflow,65536\n")

    assert fault.startswith("plant.yaml:9:7: error: tag flow: address 65536")


def test_a_fault_below_the_list_has_the_line_that_it_has_on_disk() -> None:
    (fault,) = faults_of("name,address\nflow,2\n", FILE.replace("above: 90", "above: hot"))

    assert fault.startswith("plant.yaml:14:")


def test_warnings_about_listed_tags_are_told_and_no_others() -> None:
    made = plan("name,address\nspeeed,2\n", FILE.replace("{name: flow}", "{name: blow}").replace("speed,", "sped,"))

    assert [(fault.filename, fault.line) for fault in made.warnings] == [("list.csv", 2)]
    assert "did you mean 'speed'?" in made.warnings[0].mend


def test_a_file_that_cannot_be_read_is_refused_with_its_lines() -> None:
    assert faults_of("name,address\nflow,2\n", FILE + "alarms: []\n")[0].startswith(
        "plant.yaml:15:1: error: key 'alarms'"
    )


def test_a_list_whose_anchors_are_used_elsewhere_is_refused_and_not_spoilt() -> None:
    text = FILE.replace("address: 0, unit: degC}", "address: 0, unit: &u degC}").replace(
        "{name: speed}", "{name: speed}"
    )
    text = text.replace("alarms:\n", "sites: [{id: s, name: *u}]\nalarms:\n")

    assert "alias 'u' has no anchor above it" in faults_of("name,address\ntemperature,1\n", text)[0]


def test_a_pipeline_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"plant.yaml has no pipeline q\."):
        plan("name,address\nflow,2\n", pipeline="q")


def test_a_byte_order_mark_of_the_file_stays() -> None:
    made = plan("name,address\nflow,2\n", "\ufeff" + FILE)

    assert made.files["plant.yaml"].startswith(b"\xef\xbb\xbfversion")


def test_ten_thousand_tags_are_one_list_in_the_file(tmp_path: Path) -> None:
    count = 10_000
    made = plan("name,address\n" + "".join(f"t{i},{i}\n" for i in range(count)))

    (tmp_path / "topology.yaml").write_bytes(made.files["plant.yaml"])
    assert len(made.changes.added) == count
    assert len(load_topology(tmp_path / "topology.yaml", MODELS).pipelines[0].config["tags"]) == count + 2


class Plain(BaseModel):
    name: str
    site: str | None = None


def test_a_tag_is_known_by_its_own_key_else_by_identity_and_name() -> None:
    assert key_of(Tag(name="a", address=1, asset="x")) == "x/a"
    assert key_of(Plain(name="a", site="s")) == "s/a"
    assert key_of({"name": "a", "asset": "x", "node": "n"}) == "x/n/a"


SEVERAL = {
    "plant.yaml": """\
version: 1
include: [parts/*.yaml]
pipelines:
  - {id: other, adapter: modbus-tcp, asset: pump-1, config: {host: a, tags: [{name: a, address: 1}]}}
alarms:
  - {id: first, type: t, condition: {above: 1}}
""",
    "parts/a.yaml": """\
version: 1
alarms:
  # of part a
  - {id: hot, type: t, condition: {above: 2}}   # who cares
  - {id: cold, type: t, condition: {below: 2}}
""",
    "parts/b.yaml": """\
version: 1
pipelines:
  - {id: empty, adapter: modbus-tcp, asset: pump-2, config: {host: b, tags: [{name: b, address: 1}]}}
  - id: p
    adapter: modbus-tcp
    asset: pump-3
    config:
      host: c
      tags:
        - {name: c, address: 1}
alarms: [{id: mute, type: t, condition: {no_data_s: 5}}]
""",
}


def several(**changed: str) -> Tree:
    files = {name: text.encode() for name, text in (SEVERAL | changed).items()}
    return Tree(Sources("plant.yaml", files), "somewhere")


def rules(csv: str, mode: Mode = Mode.MERGE, tree: Tree | None = None) -> ImportPlan:
    tree = tree or several()
    listed = entries_from_csv(csv, Alarm, filename="list.csv")
    return plan_import(
        tree, tree.alarms(), lambda current: changes_of(current, listed, Alarm, "list.csv", mode, "rule"),
        "list.csv", models=MODELS,
    )  # fmt: skip


def test_the_tags_of_a_pipeline_are_changed_in_the_file_that_declares_it() -> None:
    tree = several()
    listed = entries_from_csv("name,address\nc,1\nd,2\n", Tag, filename="list.csv")
    made = plan_import(
        tree, tree.tags_of("p"), lambda current: changes_of(current, listed, Tag, "list.csv", Mode.MERGE, "tag"),
        "list.csv", models=MODELS,
    )  # fmt: skip

    assert {name: text.decode() for name, text in made.files.items()} == {
        "parts/b.yaml": SEVERAL["parts/b.yaml"].replace(
            "{name: c, address: 1}\n", "{name: c, address: 1}\n        - {name: d, address: 2, type: UINT16}\n"
        )
    }


def test_a_rule_is_changed_in_the_file_that_declares_it_and_a_new_one_goes_into_the_first() -> None:
    made = rules("id,type,condition.above,condition.no_data_s\nhot,t,3,\nnew,t,4,\nmute,t,,6\n")

    assert (made.changes.added, made.changes.changed) == (["new"], ["hot", "mute"])
    assert {name: text.decode() for name, text in made.files.items()} == {
        "plant.yaml": SEVERAL["plant.yaml"] + "  - {id: new, type: t, condition: {above: 4}}\n",
        "parts/a.yaml": SEVERAL["parts/a.yaml"].replace("above: 2", "above: 3"),
        "parts/b.yaml": SEVERAL["parts/b.yaml"].replace(
            "[{id: mute, type: t, condition: {no_data_s: 5}}]",
            "[\n    {id: mute, type: t, condition: {no_data_s: 6}}]",
        ),
    }


def test_rules_that_are_not_listed_are_removed_from_every_file() -> None:
    made = rules("id,type,condition.below\ncold,t,2\n", Mode.OVERWRITE)

    assert made.changes.removed == ["first", "hot", "mute"]
    assert made.files["plant.yaml"].decode().endswith("alarms: []\n")
    assert made.files["parts/a.yaml"].decode() == "version: 1\nalarms:\n" + (
        "  - {id: cold, type: t, condition: {below: 2}}\n"
    )
    assert made.files["parts/b.yaml"].decode().endswith("alarms: []\n")


def test_the_first_file_gets_a_list_when_only_others_have_one() -> None:
    bare = SEVERAL["plant.yaml"].partition("alarms:")[0]
    made = rules("id,type,condition.above\nnew,t,4\n", tree=several(**{"plant.yaml": bare}))

    assert list(made.files) == ["plant.yaml"]
    assert made.files["plant.yaml"].decode() == bare + "\nalarms:\n  - {id: new, type: t, condition: {above: 4}}\n"


def test_faults_are_told_by_the_lines_of_the_list_else_by_file_and_line_as_on_disk() -> None:
    broken = several(**{"parts/a.yaml": SEVERAL["parts/a.yaml"] + "machine_types: [{id: x}, {id: x}]\n"})
    with pytest.raises(ConfigurationError) as caught:
        rules("id,type,on,condition.above\nhot,t,aggregate,3\nnew,t,,4\n", tree=broken)

    places = [line.partition(" error:")[0] for line in caught.value.message.splitlines()]
    assert places == ["list.csv:2:1:", "somewhere/parts/a.yaml:6:31:"]


def test_an_included_file_that_cannot_be_read_is_told_with_its_lines() -> None:
    with pytest.raises(ConfigurationError, match=r"somewhere/parts/a.yaml:2:1: error: "):
        several(**{"parts/a.yaml": "version: [\n"})
