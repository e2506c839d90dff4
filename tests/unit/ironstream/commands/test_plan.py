from __future__ import annotations

import json
from pathlib import Path

import pytest

from ironstream.cli import main


@pytest.fixture
def other(plant: Path, tmp_path: Path) -> Path:
    path = tmp_path / "other.yaml"
    text = plant.read_text(encoding="utf-8").replace("port: 1", "port: 2").replace("enabled: false", "enabled: true")
    path.write_text(text, encoding="utf-8")
    return path


def test_what_changes_is_shown_part_by_part(plant: Path, other: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(other), "--against", str(plant)]) == 0

    shown = capsys.readouterr().out
    assert "config.port: 1 → 2" in shown
    assert "1 to start, 0 to stop, 1 to restart" in shown
    assert [line.split()[:3] for line in shown.splitlines() if " pipeline " in line] == [
        ["start", "pipeline", "boiler"],
        ["restart", "pipeline", "pump"],
    ]


def test_the_file_of_the_settings_is_planned_where_none_is_named(
    other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--against", str(other), "--output", "json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["before"], told["needs_flag"], told["losses"]) == (str(other), False, [])
    assert [(item["name"], item["effect"]) for item in told["items"]] == [("boiler", "stop"), ("pump", "restart")]
    assert told["items"][1]["fields"] == [{"field": "config.port", "before": 2, "after": 1}]


def test_the_same_file_changes_nothing(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--against", str(plant)]) == 0

    assert capsys.readouterr().out.startswith("Nothing changes")


def test_what_is_lost_is_told(plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    less = tmp_path / "less.yaml"
    less.write_text(plant.read_text(encoding="utf-8") + "windows: [{size_s: 10}]\n", encoding="utf-8")

    assert main(["plan", str(less), "--against", str(plant)]) == 0

    shown = capsys.readouterr().out
    assert "Windows of 60 s are given up" in shown
    assert "ironstream apply --accept-losses" in shown


def test_without_kafka_the_way_around_it_is_told(plant: Path, nowhere: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--bootstrap", nowhere]) == 1

    said = capsys.readouterr().err
    assert nowhere in said
    assert "--against FILE" in said


@pytest.mark.parametrize("which", ["before", "after"])
def test_a_file_with_faults_is_refused(
    which: str, plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("version: 2\n", encoding="utf-8")
    before, after = (bad, plant) if which == "before" else (plant, bad)

    assert main(["plan", str(after), "--against", str(before)]) == 2

    assert "bad.yaml" in capsys.readouterr().err
