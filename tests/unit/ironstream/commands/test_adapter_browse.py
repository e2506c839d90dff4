from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from ironstream.cli import main
from ironstream.topology.lists.entries import entries_from_csv
from tests.support.talker import TalkerTag


def test_what_a_device_offers_is_a_table_that_cannot_disturb_the_terminal(
    plant: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["adapter", "browse", "boiler"]) == 0

    shown = capsys.readouterr().out
    assert "boiler: 6 offered" in shown
    assert "Boiler/T4" in shown
    assert "\x1b" not in shown


def test_a_pattern_and_a_limit_narrow_it_and_it_is_said_that_there_is_more(
    plant: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["adapter", "browse", "boiler", "*/T*", "--limit", "2", "--output", "json"]) == 0

    out, err = capsys.readouterr()
    told = json.loads(out)
    assert [offer["path"] for offer in told["offers"]] == ["Boiler/T0", "Boiler/T1"]
    assert told["more"] is True
    assert "There is more than these 2" in err


def test_a_limit_that_just_suffices_is_not_exceeded(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["adapter", "browse", "boiler", "*/T*", "--limit", "5", "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["more"] is False


def test_its_tags_are_yaml_ready_for_the_file_and_what_is_no_tag_is_said(
    plant: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["adapter", "browse", "boiler", "--tags"]) == 0

    out, err = capsys.readouterr()
    assert yaml.safe_load(out) == {"tags": [{"name": f"T{i}", "node": f"s={i}"} for i in range(5)]}
    assert "1 of 6 cannot be read as a tag" in err


def test_its_tags_are_a_csv_that_import_takes(plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["adapter", "browse", "boiler", "*/T*", "--csv"]) == 0
    text = capsys.readouterr().out
    assert [listed.value for listed in entries_from_csv(text, TalkerTag)] == [
        TalkerTag(name=f"T{i}", node=f"s={i}") for i in range(5)
    ]

    (tmp_path / "list.csv").write_text(text, encoding="utf-8")
    assert main(["adapter", "tags", "import", "boiler", str(tmp_path / "list.csv"), "--write"]) == 0
    assert main(["check", str(plant)]) == 0
    assert "- {name: T4, node:" in plant.read_text(encoding="utf-8")


def test_a_newcomer_can_look_without_a_file(tmp_path: Path, plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant.unlink()

    assert main(["adapter", "browse", "--adapter", "talker", "--set", "password=x", "*T1", "--output", "json"]) == 0
    assert [offer["address"] for offer in json.loads(capsys.readouterr().out)["offers"]] == ["s=1"]


def test_a_kind_that_cannot_browse_says_what_to_do(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["adapter", "browse", "deaf"]) == 2

    err = capsys.readouterr().err
    assert "deaf-talker cannot browse" in err
    assert "tags export" in err


def test_nothing_that_matches_is_a_failure(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["adapter", "browse", "boiler", "nothing*"]) == 1
    assert "Nothing matches 'nothing*'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["boiler", "a", "b"], "'b' is one argument too many"),
        (["boiler", "--csv", "--tags"], "--csv goes neither with"),
        ([], "No pipeline is named"),
    ],
)
def test_bad_usage_is_told_with_exit_code_2(
    plant: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], fault: str
) -> None:
    assert main(["adapter", "browse", *arguments]) == 2
    assert fault in capsys.readouterr().err
