"""Crash points: harmless unless the environment names one, and then deadly at the visit it says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from ironstream.engine import crashpoints
from ironstream.errors import ConfigurationError

_VISIT_TWICE = (
    "from ironstream.engine.crashpoints import crash_point\n"
    "for visit in (1, 2):\n"
    "    crash_point('after_changelog'); crash_point('after_outputs'); print(visit, flush=True)\n"
)


def visit_twice(setting: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", _VISIT_TWICE],
        env=os.environ | {crashpoints.VARIABLE: setting},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_nothing_happens_without_the_variable() -> None:
    assert visit_twice("") == (0, "1\n2\n")


def test_the_process_dies_at_the_named_visit() -> None:
    assert visit_twice("after_changelog:2") == (-signal.SIGKILL, "1\n")
    assert visit_twice("after_outputs") == (-signal.SIGKILL, "")


@pytest.mark.parametrize("setting", ["nowhere", "after_outputs:0", "after_outputs:x"])
def test_a_setting_that_names_no_point_is_refused_with_those_there_are(setting: str) -> None:
    with pytest.raises(ConfigurationError, match="names no crash point") as refused:
        crashpoints.armed(setting)
    assert "after_rocksdb" in refused.value.hint
