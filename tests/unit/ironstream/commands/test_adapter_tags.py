from __future__ import annotations

import json
from pathlib import Path

import pytest

from ironstream.cli import main

LIST = "name,node,unit\nT0,s=0,K\nT1,s=1,\n"


def run(*arguments: str | Path) -> int:
    return main(["adapter", "tags", *map(str, arguments)])


def test_without_write_it_is_shown_what_would_change_and_nothing_is_written(
    plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = plant.read_bytes()
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")

    assert run("import", "boiler", tmp_path / "list.csv") == 0

    shown = capsys.readouterr().out
    assert shown.splitlines()[:4] == ["1 added: T1", "1 changed: T0", "0 removed", "0 unchanged"]
    assert "  T0: unit degC → K" in shown.splitlines()
    assert "--write does it" in shown
    assert plant.read_bytes() == before


def test_with_write_the_list_changes_and_nothing_else(
    plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = plant.read_text(encoding="utf-8")
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")

    assert run("import", "boiler", tmp_path / "list.csv", "--write", "--output", "json") == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["added"], told["changed"], told["removed"], told["written"]) == (["T1"], ["T0"], [], True)
    assert plant.read_text(encoding="utf-8") == before.replace(
        "        - {name: T0, node: s=0, unit: degC}\n",
        '        - {name: T0, node: "s=0", unit: K}\n        - {name: T1, node: "s=1"}\n',
    )


def test_overwriting_removes_the_others(plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.csv").write_text("name,node\nT9,s=9\n", encoding="utf-8")

    assert run("import", "boiler", tmp_path / "list.csv", "--mode", "overwrite", "--write") == 0

    assert "1 removed: T0" in capsys.readouterr().out
    assert "T0" not in plant.read_text(encoding="utf-8")


def test_an_export_is_imported_again_without_a_change(
    plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = plant.read_bytes()
    assert run("export", "boiler", tmp_path / "list.csv") == 0
    assert (tmp_path / "list.csv").read_text(encoding="utf-8").splitlines() == ["name,node,unit", "T0,s=0,degC"]

    assert run("import", "boiler", tmp_path / "list.csv", "--write") == 0

    assert "has this list already" in capsys.readouterr().out
    assert plant.read_bytes() == before


def test_a_file_with_signs_beyond_ascii_tells_spreadsheets_that_it_is_utf_8(plant: Path, tmp_path: Path) -> None:
    plant.write_text(plant.read_text(encoding="utf-8").replace("degC", "°C"), encoding="utf-8")

    assert run("export", "boiler", tmp_path / "list.csv") == 0

    assert (tmp_path / "list.csv").read_bytes().startswith(b"\xef\xbb\xbfname")


def test_without_a_file_the_list_goes_to_stdout(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", "pump") == 0
    assert capsys.readouterr().out.startswith("name,")


def test_a_long_list_is_shown_in_short(plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "name,node\n" + "".join(f"n{i},s={i}\n" for i in range(1200))
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")

    assert run("import", "boiler", tmp_path / "list.csv") == 0

    shown = capsys.readouterr().out
    assert "1,200 added: n0, n1," in shown
    assert "n19 and 1,180 more" in shown
    assert "n20" not in shown


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"name,node\nT1,\n,s=2\n", "list.csv:2: column node: required field `node` is missing"),
        (b"name,node\nT1,a\nT1,b\n", "list.csv:3: tag T1 is there twice, first in line 2"),
        (b"name,node\n\n", "has no tags"),
        (b"name,node\nT\xe9,s=2\n", "list.csv:2: byte 0xe9 is not UTF-8"),
        ("name,node\nT1,s\n".encode("utf-16"), "is UTF-16"),
        (b"", "list.csv:1: there is no header"),
    ],
)
def test_a_list_at_fault_is_refused_with_its_lines_and_changes_nothing(
    plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, fault: str
) -> None:
    before = plant.read_bytes()
    (tmp_path / "list.csv").write_bytes(content)

    assert run("import", "boiler", tmp_path / "list.csv", "--write") == 2

    assert fault in capsys.readouterr().err
    assert plant.read_bytes() == before


def test_a_pipeline_or_a_file_that_is_not_there_is_told(
    plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")

    assert run("import", "nobody", tmp_path / "list.csv") == 2
    assert "has no pipeline nobody" in capsys.readouterr().err
    assert run("import", "boiler", tmp_path / "none.csv") == 2
    assert "none.csv cannot be read: No such file" in capsys.readouterr().err
    assert run("export", "boiler", tmp_path) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_list_that_comes_out_empty_is_not_taken_for_all_that_is_read(
    plant: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["adapter", "tags", "export", "deaf"]) == 0

    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 1
    assert "deaf has no tags" in shown.err


def test_a_spreadsheet_is_exported_and_imported_again_without_a_change(
    plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = plant.read_bytes()
    assert run("export", "boiler", tmp_path / "list.xlsx") == 0

    assert run("import", "boiler", tmp_path / "list.xlsx", "--mode", "overwrite", "--write") == 0

    assert "has this list already" in capsys.readouterr().out
    assert plant.read_bytes() == before


def test_tags_are_created_and_deleted_by_their_names(plant: Path, tmp_path: Path) -> None:
    before = plant.read_bytes()
    (tmp_path / "list.csv").write_text("name,node\nT7,s=7\n", encoding="utf-8")
    (tmp_path / "names.csv").write_text("name\nT7\n", encoding="utf-8")

    assert run("import", "boiler", tmp_path / "list.csv", "--mode", "create", "--write") == 0
    assert b"T7" in plant.read_bytes()
    assert run("import", "boiler", tmp_path / "list.csv", "--mode", "create", "--write") == 2
    assert run("import", "boiler", tmp_path / "names.csv", "--mode", "delete", "--write") == 0

    assert plant.read_bytes() == before


def test_a_spreadsheet_that_is_named_as_a_csv_is_told(
    plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export", "boiler", tmp_path / "list.xlsx") == 0
    (tmp_path / "list.xlsx").rename(tmp_path / "list.csv")

    assert run("import", "boiler", tmp_path / "list.csv") == 2

    assert "list.csv is a spreadsheet and no CSV" in capsys.readouterr().err


def test_the_tags_of_a_pipeline_that_another_file_declares_are_exported_and_changed_there(
    plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = plant.read_bytes()
    (tmp_path / "machines.yaml").write_bytes(declared)
    plant.write_text("version: 1\ninclude: [machines.yaml]\n", encoding="utf-8")
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")

    assert run("import", "boiler", tmp_path / "list.csv", "--write") == 0
    assert f"{tmp_path / 'machines.yaml'} is written" in capsys.readouterr().out
    assert run("export", "boiler") == 0

    assert capsys.readouterr().out.splitlines() == ["name,node,unit", "T0,s=0,K", "T1,s=1,"]
    assert plant.read_text(encoding="utf-8") == "version: 1\ninclude: [machines.yaml]\n"
