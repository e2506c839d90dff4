from __future__ import annotations

import json
from pathlib import Path

import pytest

from ironstream.cli import main


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # lines are not wrapped in the middle of a name
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "pumps.yaml").write_text("version: 1\nassets:\n  - {id: a, colour: red}\n", encoding="utf-8")
    path = tmp_path / "topology.yaml"
    path.write_text("version: 1\ninclude: [assets/*.yaml]\n", encoding="utf-8")
    return path


def test_a_fault_in_an_included_file_is_shown_with_its_own_name_and_line(
    plant: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plant.parent)

    assert main(["check", "topology.yaml"]) == 2

    said = capsys.readouterr().out
    assert "assets/pumps.yaml:3:13: error: unknown field 'colour'" in said
    assert "    - {id: a, colour: red}" in said


def test_the_file_of_a_fault_is_in_the_json_too(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(plant), "--output", "json"]) == 2

    (fault,) = json.loads(capsys.readouterr().out)["faults"]
    assert fault["filename"] == str(plant.parent / "assets" / "pumps.yaml")
    assert (fault["line"], fault["path"]) == (3, "assets[0].colour")


def test_a_file_that_is_not_there_is_bad_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "none.yaml")]) == 2
    assert "cannot be read" in capsys.readouterr().err
