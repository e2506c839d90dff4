from __future__ import annotations

from typing import Any

import pytest

from adapters.modbus.config import Tag
from adapters.opcua.config import Tag as NodeTag
from ironstream.errors import ConfigurationError
from ironstream.topology.edit import Added, Changed, Kept
from ironstream.topology.lists.changes import Changes, Mode, changes_of, key_of, names_of, without
from ironstream.topology.lists.entries import entries_from_csv, read_names
from ironstream.topology.lists.rows import csv_rows
from ironstream.topology.model import Alarm

CURRENT = [
    {"name": "a", "address": 1},
    {"name": "a", "asset": "x", "address": 2},
    {"name": "b", "asset": "x", "address": 3},
    {"name": "b", "asset": "y", "address": 4},
]


def listed(csv: str, mode: Mode) -> Changes:
    return changes_of(CURRENT, entries_from_csv(csv, Tag, filename="l.csv"), Tag, "l.csv", mode, "tag")


def deleted(csv: str, current: list[Any] = CURRENT, model: Any = Tag) -> Changes:
    named = read_names(csv_rows(csv, "l.csv:"), model, names_of(model), filename="l.csv")
    return without(current, named, model, "l.csv", "tag")


def faults_of(call: Any, *arguments: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        call(*arguments)
    return caught.value.message.splitlines()


def test_creating_adds_and_names_every_entry_that_is_there_already() -> None:
    made = listed("name,address\nc,9\n", Mode.CREATE)

    assert (made.added, made.unchanged, made.items[:4]) == (["c"], 4, [Kept(0), Kept(1), Kept(2), Kept(3)])
    assert faults_of(listed, "name,asset,address\nc,,9\na,,1\nb,y,5\n", Mode.CREATE) == [
        "l.csv:3: tag a is there already",
        "l.csv:4: tag y/b is there already",
    ]


def test_overwriting_and_merging_differ_in_what_is_not_listed() -> None:
    csv = "name,asset,address\nb,y,5\nc,,9\n"

    merged, overwritten = listed(csv, Mode.MERGE), listed(csv, Mode.OVERWRITE)

    assert [type(item) for item in merged.items] == [Kept, Kept, Kept, Changed, Added]
    assert (overwritten.removed, [type(item) for item in overwritten.items]) == (["a", "x/a", "x/b"], [Changed, Added])


def test_what_differs_is_told_field_by_field_as_columns_are_named() -> None:
    csv = "name,asset,address,type,report.mode,report.deadband\nb,y,4,,on_change,2\na,x,2,FLOAT32,,\n"

    assert {key: list(map(str, fields)) for key, fields in listed(csv, Mode.MERGE).differences.items()} == {
        "x/a": ["type UINT16 → FLOAT32"],
        "y/b": ["report.mode default → on_change", "report.deadband default → 2"],
    }


def test_deleting_needs_the_names_alone_and_passes_over_other_columns() -> None:
    made = deleted("name,address,asset\na,what,\nb,,x\n")

    assert (made.removed, made.items) == (["a", "x/b"], [Kept(1), Kept(3)])


def test_deleting_names_what_is_not_there_is_several_or_is_named_twice() -> None:
    assert faults_of(deleted, "name,asset\nbb,x\nb,\na,x\na,x\n,\n") == [
        "l.csv:2: there is no tag bb/x, did you mean 'b'?",
        "l.csv:3: tag b is one of 2: x/b, y/b; give the other columns too",
        "l.csv:5: tag x/a is there twice, first in line 4",
    ]


def test_a_row_that_names_nothing_is_told() -> None:
    assert faults_of(deleted, "name,asset,address\n,,5\n") == [
        "l.csv:2: names nothing; give one of the columns name, asset"
    ]


def test_a_node_is_deleted_by_its_name() -> None:
    current = [{"name": "t", "node": "ns=2;i=1"}, {"name": "u", "node": "ns=2;i=2"}]

    assert deleted("name\nt\n", current, NodeTag).removed == ["t"]
    assert deleted('name,node\nt,"ns=2;i=1"\n', current, NodeTag).removed == ["t"]


def test_a_rule_is_known_by_its_id() -> None:
    rule = {"id": "hot", "type": "t", "asset": "pump-*", "condition": {"above": 1}}

    assert key_of(Alarm.model_validate(rule)) == key_of(rule) == "hot"
    assert names_of(Alarm) == ("id",)
    assert deleted("id,type\nhot,\n", [rule], Alarm).removed == ["hot"]
