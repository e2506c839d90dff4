from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ironstream.cli import main

TAGS = '[{"name": "T0", "node": "s=0", "unit": "degC"}, {"name": "T1", "node": "s=1"}]'


def answer(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert main(["adapter", "test", *arguments, "--output", "json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_device_that_speaks_by_itself_is_listened_to_until_every_tag_has_come(
    plant: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = answer(capsys, "--adapter", "talker", "--set", f"tags={TAGS}", "--wait", "60")

    assert [(s["parameter"], s["value"], s["unit"], s["quality"], s["time"]) for s in told["samples"]] == [
        ("T0", 1.25, "degC", "GOOD", "2025-01-10T12:01:03.000000Z"),
        ("T1", 1.25, None, "GOOD", "2025-01-10T12:01:03.000000Z"),
    ]
    assert (told["silent"], told["faults"]) == ([], [])


def test_alarms_of_the_device_are_shown(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = answer(capsys, "boiler")

    assert told["pipeline"] == "boiler"
    assert told["alarms"] == [
        {
            "asset": "boiler-1", "type": "hot", "state": "ACTIVE", "severity": "HIGH", "message": "too [hot]",
            "parameter": None, "value": 99.5, "threshold": None, "time": "2025-01-10T12:01:03.000000Z",
        }
    ]  # fmt: skip


def test_what_has_not_come_in_time_is_named_and_the_test_has_failed(
    plant: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tags = 'tags=[{"name":"T0","node":"s=0"},{"name":"quiet","node":"s=1"},{"name":"faulty","node":"s=2"}]'
    told = answer(capsys, "--adapter", "talker", "--set", tags, "--wait", "0.2", code=1)

    assert [sample["parameter"] for sample in told["samples"]] == ["T0", "faulty"]
    assert told["silent"] == ["quiet"]
    assert told["faults"] == ["one node is not there"]


def test_people_see_a_table_of_values_and_one_of_alarms(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["adapter", "test", "boiler"]) == 0

    shown = capsys.readouterr().out
    assert "boiler: 1 value " in shown
    assert "too [hot]" in shown


def test_an_error_of_the_device_shows_no_secret(
    plant: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRONSTREAM_SECRET_BOILER", "wrong-hunter2")

    assert main(["adapter", "test", "boiler"]) == 1

    shown = capsys.readouterr()
    assert "the device refuses ***" in shown.err
    assert "hunter2" not in shown.out + shown.err


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ([], "No pipeline is named"),
        (["nobody"], "has no pipeline nobody"),
        (["boiler", "--set", "a=1"], "--config and --set describe a device of --adapter"),
        (["--adapter", "nothing"], "there is no adapter 'nothing'; there are: deaf-talker, modbus-tcp, talker"),
        (["--adapter", "talker", "--config", "{"], "--config is not JSON"),
        (["--adapter", "talker", "--config", "[]"], "--config is not a JSON object"),
        (["--adapter", "talker", "--set", "password"], "--set takes FIELD=VALUE"),
        (["--adapter", "talker", "--set", "a=1", "--set", "a.b=1"], "--set a.b: there is a value above it"),
        (["--adapter", "talker", "--set", "tags.a=1", "--set", "colour=red"], "config.colour: Extra inputs"),
    ],
)
def test_bad_usage_is_told_with_exit_code_2(
    plant: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], fault: str
) -> None:
    assert main(["adapter", "test", *arguments]) == 2
    assert fault in capsys.readouterr().err


def test_values_of_set_go_over_those_of_config(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = json.dumps({"password": "wrong", "tags": [{"name": "x", "node": "s"}]})
    told = answer(capsys, "--adapter", "talker", "--config", config, "--set", "password=right")

    assert [sample["parameter"] for sample in told["samples"]] == ["x"]
