"""`ironstream doctor` looks at the targets of sinks."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ironstream.cli import main


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def checks(
    sinks: list[dict[str, Any]],
    tmp_path: Path,
    nowhere: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[dict[str, dict[str, str]], str]:
    path = tmp_path / "topology.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "sinks": sinks}))
    monkeypatch.setenv("IRONSTREAM_BOOTSTRAP", nowhere)
    monkeypatch.setenv("IRONSTREAM_DATA_DIR", str(tmp_path / "data"))
    assert main(["doctor", "--topology", str(path), "--output", "json"]) == 0
    said = capsys.readouterr().out
    return {one["check"]: one for one in json.loads(said)["checks"]}, said


def test_targets_that_answer_and_targets_that_do_not_are_told_apart_in_bounded_time_without_secrets(
    tmp_path: Path, store: str, nowhere: str, silent: int, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("IRONSTREAM_SECRET_STORE", store)
    monkeypatch.setenv("IRONSTREAM_SECRET_AWAY", f"postgresql://kim:hunter2@{nowhere}/plant")
    monkeypatch.setenv("IRONSTREAM_SECRET_SILENT", f"postgresql://kim:hunter2@127.0.0.1:{silent}/plant")
    begun_s = time.monotonic()
    found, said = checks(
        [
            {"id": "history", "kind": "postgres", "config": {"dsn": "${secret:store}"}},
            {"id": "archive", "kind": "s3-parquet", "config": {"path": str(tmp_path / "files")}},
            {"id": "away", "kind": "postgres", "config": {"dsn": "${secret:away}"}},
            {"id": "slow", "kind": "postgres", "config": {"dsn": "${secret:silent}", "schema": "other"}},
            {"id": "unset", "kind": "pagerduty", "config": {"routing_key": "${secret:nobody-set-this}"}},
            {"id": "at-rest", "kind": "postgres", "enabled": False, "config": {"dsn": "${secret:gone}"}},
        ],
        tmp_path, nowhere, capsys, monkeypatch,
    )  # fmt: skip
    assert time.monotonic() - begun_s < 50  # asyncpg alone would wait for 60 s
    assert {name: one["verdict"] for name, one in found.items() if name.startswith("sink ")} == {
        "sink history": "ok", "sink archive": "ok", "sink away": "warn", "sink slow": "warn", "sink unset": "warn",
    }  # fmt: skip
    assert nowhere in found["sink away"]["found"]
    assert "5 s" in found["sink slow"]["found"]
    assert "nobody-set-this" in found["sink unset"]["found"]
    assert "IRONSTREAM_SECRET_NOBODY_SET_THIS" in found["sink unset"]["remedy"]
    assert "hunter2" not in said


def test_of_a_topology_with_faults_no_target_is_asked(
    tmp_path: Path, nowhere: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRONSTREAM_BOOTSTRAP", nowhere)
    path = tmp_path / "topology.yaml"
    path.write_text("version: 1\nsinks: [{id: a, kind: oracle}]\n")
    assert main(["doctor", "--topology", str(path), "--output", "json"]) == 1
    checks_of = {one["check"]: one for one in json.loads(capsys.readouterr().out)["checks"]}
    assert checks_of["topology"]["verdict"] == "fail"
    assert not [name for name in checks_of if name.startswith("sink ")]
