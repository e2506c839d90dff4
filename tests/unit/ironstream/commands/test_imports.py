from __future__ import annotations

from pathlib import Path

import pytest

from ironstream.cli import main

CASES = Path(__file__).parents[3] / "cases" / "telegraf"
PLANT = """\
version: 1   # of the format
assets:
  - {id: kiln, parameters: [{name: zone1}]}   # by hand
pipelines:
  # the other one
  - {id: kiln, adapter: opcua, asset: kiln, config: {endpoint: "opc.tcp://o:4840", tags: [{name: zone1, node: "i=1"}]}}
"""


def test_on_stdout_comes_a_topology_and_on_stderr_what_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "telegraf", str(CASES / "opcua-polled" / "telegraf.conf")]) == 0

    shown = capsys.readouterr()
    assert shown.out == (CASES / "opcua-polled" / "expected.yaml").read_text(encoding="utf-8")
    assert "telegraf.conf:5: inputs.opcua: connect_timeout = '10s' has no counterpart" in shown.err
    assert "not-for-anyone" not in shown.out + shown.err


def test_with_write_pipelines_and_assets_are_added_and_all_else_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "topology.yaml"
    path.write_text(PLANT, encoding="utf-8")
    files = [str(CASES / name / "telegraf.conf") for name in ("opcua-polled", "serial-line")]

    assert main(["import", "telegraf", *files, "--write", "--topology", str(path)]) == 0

    shown = capsys.readouterr()
    text = path.read_text(encoding="utf-8")
    assert "2 pipelines and 3 assets more" in shown.out
    assert "there is a pipeline kiln: this one is named kiln-2" in shown.err
    assert "asset kiln is there already, and stays as it is" in shown.err
    for line in PLANT.splitlines():
        assert line in text.splitlines()
    assert main(["check", str(path)]) == 0


def test_a_configuration_without_machines_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.conf").write_text("[[inputs.cpu]]\npercpu = true\n", encoding="utf-8")

    assert main(["import", "telegraf", str(tmp_path / "t.conf")]) == 2

    assert "t.conf:1: inputs.cpu is not read" in capsys.readouterr().err


def test_a_site_that_the_plant_does_not_have_is_refused_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "topology.yaml"
    path.write_text("version: 1\nsites: [{id: north}]\n", encoding="utf-8")
    file = CASES / "serial-line" / "telegraf.conf"

    assert main(["import", "telegraf", str(file), "--site", "nroth", "--write", "-t", str(path)]) == 2

    assert "with what would be added" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == "version: 1\nsites: [{id: north}]\n"
