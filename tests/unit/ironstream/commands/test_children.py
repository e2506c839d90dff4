"""Children end with their parent, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from ironstream.commands.children import Child, python

SLEEPER = python("-c", "import time; print('awake', flush=True); time.sleep(600)")
PARENT = """
import sys, time
from pathlib import Path
from ironstream.commands.children import Child, python
child = Child("sleeper", python("-c", "import time; time.sleep(600)"), Path(sys.argv[1]))
child.start()
print(child.pid, flush=True)
time.sleep(600)
"""


def test_a_child_is_stopped_and_its_output_is_kept(tmp_path: Path) -> None:
    child = Child("sleeper", SLEEPER, tmp_path / "logs" / "sleeper.log")
    child.start()

    assert child.wait_for("awake", 20) == "awake"
    assert child.exit_code is None

    child.stop()
    assert not child.running
    assert "awake" in child.log_file.read_text(encoding="utf-8")


def test_a_child_that_ends_by_itself_tells_its_code_and_last_words(tmp_path: Path) -> None:
    child = Child("failing", python("-c", "import sys; sys.exit('no such plant')"), tmp_path / "log")
    child.start()

    assert child.wait_for("never said", 20) is None
    assert child.exit_code == 1
    assert child.last_words() == "    no such plant"


def test_kill_9_of_the_parent_leaves_no_orphan(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout as told:
        pid = int(told.readline())
    orphan = psutil.Process(pid)

    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()

    deadline = time.monotonic() + 60
    while orphan.is_running() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not orphan.is_running()
