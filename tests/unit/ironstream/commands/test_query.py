"""`ironstream query` over a directory of Parquet files that the sink wrote."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ironstream.cli import main
from tests.support.clean.bodies import at
from tests.support.stores import fill, parquet_sink, plant_log

TOPOLOGY = """
version: 1
deployment: {name: plant}
windows: [{size_s: 60, grace_s: 1, late_retention_s: 60}, {size_s: 3600, grace_s: 1, late_retention_s: 3600}]
sinks:
  - {id: off, kind: s3-parquet, enabled: false, config: {path: nowhere}}
  - {id: archive, kind: s3-parquet, config: {path: PATH}}
  - {id: twin, kind: redis-twin, config: {host: localhost}}
"""
ALL = ("--from", at(-90_000), "--to", at(7200))
LONG = "5000w"


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("plant")
    asyncio.run(fill(parquet_sink(root / "archive")[1], plant_log()))
    file = root / "topology.yaml"
    file.write_text(TOPOLOGY.replace("PATH", str(root / "archive")), encoding="utf-8")
    return file


@pytest.fixture(autouse=True)
def _here(topology: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRONSTREAM_TOPOLOGY", str(topology))
    monkeypatch.setenv("TZ", "UTC")


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert main(["query", *arguments]) == code
    return capsys.readouterr()


def test_last_shows_each_series_with_unit_quality_and_age(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "last", "--within", LONG).out.splitlines()

    assert lines[0].split() == ["series", "value", "unit", "quality", "time", "(UTC)", "age"]
    assert len(lines) == 5
    pump = next(line for line in lines if "pump-2" in line)
    assert "3596" in pump
    assert "SUSPECT clock_skew stuck" in pump
    assert "2025-11-21 12:59:56.500" in pump


def test_last_says_the_same_in_json_and_csv(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(said(capsys, "last", "pump-2", "--within", LONG, "-o", "json").out)
    rows = list(csv.DictReader(said(capsys, "last", "pump-2", "--within", LONG, "-o", "csv").out.splitlines()))

    assert [(one["asset_id"], one["value"], one["time"]) for one in found] == [("pump-2", 3596.0, at(3596.5))]
    assert found[0]["reasons"] == ["clock_skew", "stuck"]
    assert (rows[0]["value"], rows[0]["time"], rows[0]["reasons"]) == ("3596.0", at(3596.5), "clock_skew;stuck")


def test_last_of_nothing_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert "has no value of pump-9" in said(capsys, "last", "pump-9", "--within", LONG, code=1).out
    assert json.loads(said(capsys, "last", "pump-9", "--within", LONG, "-o", "json", code=1).out) == []


def test_a_series_is_shown_at_the_resolution_that_fits(capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(capsys, "series", "pump-1/temperature", "--from", at(0), "--to", at(3600))
    assert "acme/north-works/pump-1/temperature: 1min, 60 rows, times in UTC" in shown.out

    found = json.loads(said(capsys, "series", "pump-1/temperature", "--from", at(0), "--to", at(20), "-o", "json").out)
    assert (found["resolution"], found["from"]) == ("raw", at(0))
    assert [(row["time"], row["value"]) for row in found["rows"]][:2] == [(at(0), 20.0), (at(4), 20.04)]

    text = said(capsys, "series", "pump-1/temperature", "-r", "1min", "--from", at(0), "--to", at(120), "-o", "csv").out
    rows = list(csv.DictReader(text.splitlines()))
    assert [(row["window_start"], row["avg"]) for row in rows] == [
        (at(0).replace(".000Z", ".000000Z"), "20"),
        (at(60).replace(".000Z", ".000000Z"), "20.1"),
    ]


def test_a_misspelt_series_is_told_what_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(capsys, "series", "pump-1/temprature", *ALL, code=1).err

    assert "Did you mean 'pump-1/temperature'?" in shown


def test_an_export_is_a_file_and_a_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "pumps.parquet"
    shown = said(capsys, "export", str(file), *ALL, "--asset", "pump-*")

    assert "2,701 rows of readings" in shown.out.replace("\n", " ")
    assert len(pq.read_table(file)) == 2701

    answer = json.loads(said(capsys, "export", str(tmp_path / "a.csv"), "-c", "alarms", *ALL, "--output", "json").out)
    assert (answer["rows"], answer["class"]) == (4, "alarms")
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("last", "a b"), "no pattern"),
        (("last", "--within", "long"), "no time"),
        (("last", "--store", "archiv"), "Did you mean 'archive'?"),
        (("last", "--store", "twin"), "has no store twin"),
        (("series", "pump-1/temperature", "--from", "now", "--to", "-1h"), "not after"),
        (("series", "pump-1/temperature", "-r", "1s", *ALL), "Take one of raw, 1min, 1hour, auto"),
        (("series", "pump-1"), "no name of a series"),
        (("export", "x.csv", "-c", "reading"), "no class of data"),
        (("export", "x.xlsx", *ALL), "neither Parquet nor CSV"),
    ],
)
def test_what_cannot_be_asked_exits_with_2_and_says_why(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert words in said(capsys, *arguments, code=2).err.replace("\n", " ")


def test_a_topology_without_a_store_says_what_to_add(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "topology.yaml"
    file.write_text("version: 1\ndeployment: {name: plant}\n", encoding="utf-8")

    shown = said(capsys, "last", "--topology", str(file), code=2).err
    assert "declares no store" in shown
    assert "postgres, timescaledb, s3-parquet" in shown


def test_a_store_that_no_sink_has_filled_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "is not there" in said(capsys, "last", "--store", "off", code=1).err
