from __future__ import annotations

import subprocess
import sys


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
