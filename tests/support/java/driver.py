"""The inside of a `JavaProcess`: starts a JVM in this process and does what is asked on stdin, one JSON line a call."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

import jpype

from ironstream.embedded.jars import ensure_jars, jar_folder, parse_lock
from ironstream.embedded.java import find_java

_LOCKS = Path(__file__).with_name("jars")


def start_jvm(*locks: str) -> None:
    """Start the JVM of this process with the jars of these locks (`j2mod`, `milo`, …), fetching what is missing."""
    jars = {jar.file_name: jar for name in locks for jar in parse_lock(_LOCKS.joinpath(f"{name}.lock").read_text())}
    paths = ensure_jars(list(jars.values()), jar_folder())
    home = find_java("bundled").executable.parent.parent
    jpype.startJVM(
        str(home / "lib" / "server" / "libjvm.so"),
        "-Xmx256m",
        "-XX:TieredStopAtLevel=1",  # it ends before a second compiler would pay
        "--enable-native-access=ALL-UNNAMED",
        classpath=[str(path) for path in paths],
        convertStrings=True,
    )


def serve(functions: Mapping[str, Callable[..., Any]]) -> None:
    """Answer calls until stdin ends: `{"call": name, "args": {…}}` → `{"result": …}` or `{"error": text}`.

    The answers go to what was stdout at the start; Java and Python may print what they like, it goes to stderr.
    """
    answers = _own_stdout()
    _say(answers, {"result": "ready"})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": functions[request["call"]](**request["args"])}
        except Exception:  # the caller is a test, to which every failure is an answer: it shall see all of it
            answer = {"error": traceback.format_exc()}
        _say(answers, answer)
    # threads of a Java server would keep the process
    os._exit(0)


def _own_stdout() -> TextIO:
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return own


def _say(answers: TextIO, answer: object) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
