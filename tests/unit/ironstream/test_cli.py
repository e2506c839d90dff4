from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_group

from ironstream.cli import COMMANDS, app, main
from tests.support.large_plant import large_plant


def test_no_command_pays_for_the_libraries_of_another() -> None:
    look = "import sys, ironstream.cli; print(*{'faust', 'numba', 'pymodbus', 'asyncua'} & sys.modules.keys())"

    found = subprocess.run([sys.executable, "-P", "-c", look], capture_output=True, text=True, check=True)

    assert found.stdout.split() == []


def test_a_check_without_sinks_pays_for_no_target() -> None:
    look = (
        "import sys; from ironstream.sinks.registry import SINKS; from ironstream.topology import check_text;"
        " check_text(b'version: 1', sinks=SINKS); print(*{'numba', 'pyarrow', 'asyncpg', 's3fs'} & sys.modules.keys())"
    )

    found = subprocess.run([sys.executable, "-P", "-c", look], capture_output=True, text=True, check=True)

    assert found.stdout.split() == []


def test_a_check_pays_for_no_other_command(tmp_path: Path) -> None:
    look = (
        "import sys; from ironstream.cli import main; main(['check', 'large.yaml', '--output', 'json']);"
        " print(*{'aiokafka', 'aiohttp', 'numpy', 'pint', 'jgo'} & sys.modules.keys(), file=sys.stderr)"
    )
    (tmp_path / "large.yaml").write_text(large_plant(10), encoding="utf-8")

    found = subprocess.run([sys.executable, "-P", "-c", look], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert found.stderr.split() == []


def test_every_command_is_there() -> None:
    commands = get_group(app).commands

    assert [command.name for command in commands.values()] == list(COMMANDS)


def test_a_command_that_is_misspelt_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chek"]) == 2

    assert "'check'" in capsys.readouterr().err
