"""The Java contenders: built with Maven when a source is newer than its jar, run with the JDK that built them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from ironstream.embedded.java import find_java
from ironstream.errors import BrokerError

_PROJECT: Final = Path(__file__).parents[1] / "peers" / "java"
_OPENED: Final = ("java.base/java.lang", "java.base/java.util", "java.base/java.time", "java.base/java.nio")
_FLAGS: Final = (
    "-Xms1g",
    "-Xmx3g",
    # for throughput on two cores; the pauses do not matter here
    "-XX:+UseParallelGC",
    *(f"--add-opens={module}=ALL-UNNAMED" for module in _OPENED),
)


@dataclass(frozen=True, slots=True)
class Jar:
    """A jar with everything in it, that a module of the Maven project makes."""

    path: Path


STREAMS: Final = Jar(_PROJECT / "streams" / "target" / "streams.jar")
FLINK: Final = Jar(_PROJECT / "flink" / "target" / "flink.jar")


def command(jar: Jar, main: str, *arguments: str) -> list[str]:
    """Command that runs a class of a jar."""
    return [str(find_java("system").executable), *_FLAGS, "-cp", str(jar.path), main, *arguments]


@cache
def build() -> str | None:
    """Make the jars where they are older than their sources; what is missing for that, or None."""
    try:
        find_java("system")
    except BrokerError as err:
        return f"{err.message} (a JDK 17 or newer is needed; on Debian and Ubuntu: apt install openjdk-17-jdk)"
    sources = [path for path in _PROJECT.rglob("*") if path.is_file() and "target" not in path.parts]
    newest = max(path.stat().st_mtime for path in sources)
    if all(jar.path.exists() and jar.path.stat().st_mtime >= newest for jar in (STREAMS, FLINK)):
        return None
    maven = shutil.which("mvn")
    if maven is None:
        return "there is no mvn on PATH (on Debian and Ubuntu: apt install maven openjdk-17-jdk)"
    done = subprocess.run([maven, "-B", "-q", "package"], cwd=_PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"`mvn package` failed in benchmarks/peers/java:\n{(done.stdout + done.stderr)[-4000:]}"
    return None
