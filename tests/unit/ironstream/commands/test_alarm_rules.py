from __future__ import annotations

import json
from pathlib import Path

import pytest
from openpyxl import load_workbook

from ironstream.cli import main

ROOT = Path(__file__).parents[4]
PLANT = """\
version: 1
assets:
  - {id: pump-1, parameters: [{name: temperature, unit: degC}, {name: speed}]}
# who is told
alarms:
  # of the bearing
  - id: hot
    type: overheat
    parameter: temperature   # not of the oil
    condition: {above: 90, deadband: "2 %"}

  # whatever it is
  - {id: mute, type: no_data, parameter: speed, condition: {no_data_s: 30}}
# the end
"""


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "topology.yaml"
    path.write_text(PLANT, encoding="utf-8")
    monkeypatch.setenv("IRONSTREAM_TOPOLOGY", str(path))
    return path


def run(*arguments: str | Path) -> int:
    return main(["alarms", "rules", *map(str, arguments)])


@pytest.mark.parametrize("name", ["rules.csv", "rules.xlsx"])
def test_the_rules_of_the_example_are_exported_and_imported_again_without_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    plant = tmp_path / "topology.yaml"
    plant.write_bytes((ROOT / "topology.yaml").read_bytes())
    monkeypatch.setenv("IRONSTREAM_TOPOLOGY", str(plant))

    assert run("export", tmp_path / name) == 0
    assert run("import", tmp_path / name, "--mode", "overwrite", "--write") == 0

    assert "has this list already" in capsys.readouterr().out
    assert plant.read_bytes() == (ROOT / "topology.yaml").read_bytes()


def test_a_rule_that_is_changed_in_a_spreadsheet_changes_in_the_file_and_nothing_else_does(
    plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export", tmp_path / "rules.xlsx") == 0
    book = load_workbook(tmp_path / "rules.xlsx")
    sheet = book.worksheets[0]
    column = {cell.value: place for place, cell in enumerate(sheet[1], start=1)}
    sheet.cell(3, column["condition.no_data_s"]).value = 60
    sheet.append({column["id"]: "fast", column["type"]: "overspeed", column["condition.above"]: 3000,
                  column["parameter"]: "speed", column["latched"]: True})  # fmt: skip
    book.save(tmp_path / "rules.xlsx")

    assert run("import", tmp_path / "rules.xlsx") == 0
    assert plant.read_text(encoding="utf-8") == PLANT
    assert run("import", tmp_path / "rules.xlsx", "--write", "--output", "json") == 0

    told = json.loads(capsys.readouterr().out.partition("\n{")[2].join(["{", ""]))
    assert (told["added"], told["changed"], told["removed"]) == (["fast"], ["mute"], [])
    assert plant.read_text(encoding="utf-8") == PLANT.replace("no_data_s: 30}}", "no_data_s: 60}}").replace(
        "# the end\n",
        "  - {id: fast, type: overspeed, parameter: speed, condition: {above: 3000}, latched: true}\n# the end\n",
    )


def test_the_last_rules_may_be_deleted_by_their_ids(plant: Path, tmp_path: Path) -> None:
    (tmp_path / "gone.csv").write_text("id\nhot\nmute\n", encoding="utf-8")

    assert run("import", tmp_path / "gone.csv", "--mode", "delete", "--write") == 0

    assert plant.read_text(encoding="utf-8") == PLANT[: PLANT.index("alarms:")] + "alarms: []\n# the end\n"


def test_rules_may_be_created_in_a_file_that_has_none(plant: Path, tmp_path: Path) -> None:
    bare = PLANT[: PLANT.index("# who")]
    plant.write_text(bare, encoding="utf-8")
    (tmp_path / "new.csv").write_text("id,type,condition.below\nslow,underspeed,5\n", encoding="utf-8")

    assert run("import", tmp_path / "new.csv", "--mode", "create", "--write") == 0

    assert plant.read_text(encoding="utf-8") == (
        bare + "\nalarms:\n  - {id: slow, type: underspeed, condition: {below: 5}}\n"
    )


def test_every_fault_is_named_with_its_line_and_column_and_nothing_is_written(
    plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.csv").write_text(
        "id,type,severity,condition.above,condition.below,parameter\n"
        "a,t,URGENT,1,,temperature\nb,t,HIGH,1,2,temperature\nc,t,,,,\n", encoding="utf-8"
    )  # fmt: skip

    assert run("import", tmp_path / "rules.csv", "--write") == 2

    shown = capsys.readouterr().err
    assert "rules.csv:2: column severity: `severity` cannot be 'URGENT'" in shown
    assert "rules.csv:3: column condition" in shown
    assert "rules.csv:4: column condition" in shown
    assert plant.read_text(encoding="utf-8") == PLANT


def test_what_the_check_of_the_plant_finds_is_told_by_the_rows_of_the_list(
    plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.csv").write_text(
        "id,type,on,condition.above,parameter\na,t,aggregate,1,temperature\n", encoding="utf-8"
    )

    assert run("import", tmp_path / "rules.csv", "--write") == 2

    assert "rules.csv:2:1: error: " in capsys.readouterr().err
    assert plant.read_text(encoding="utf-8") == PLANT


def test_creating_a_rule_that_is_there_is_refused(
    plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.csv").write_text("id,type,condition.above\nhot,t,1\n", encoding="utf-8")

    assert run("import", tmp_path / "rules.csv", "--mode", "create") == 2

    assert "rules.csv:2: rule hot is there already" in capsys.readouterr().err


def test_a_rule_is_changed_in_the_file_that_declares_it_and_a_new_one_goes_into_topology_yaml(
    plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = "version: 1\nalarms:\n  - {id: fast, type: overspeed, condition: {above: 3000}}\n"
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.yaml").write_text(part, encoding="utf-8")
    plant.write_text(PLANT.replace("version: 1\n", "version: 1\ninclude: [parts/a.yaml]\n"), encoding="utf-8")
    (tmp_path / "rules.csv").write_text("id,type,condition.above\nfast,overspeed,3500\nnew,t,1\n", encoding="utf-8")

    assert run("import", tmp_path / "rules.csv", "--write", "--output", "json") == 0

    told = json.loads(capsys.readouterr().out)
    assert told["files"] == [str(plant), str(tmp_path / "parts" / "a.yaml")]
    assert (tmp_path / "parts" / "a.yaml").read_text(encoding="utf-8") == part.replace("3000", "3500")
    assert "  - {id: new, type: t, condition: {above: 1}}\n# the end\n" in plant.read_text(encoding="utf-8")
