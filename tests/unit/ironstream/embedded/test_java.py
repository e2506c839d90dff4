"""Which Java runs Kafka, and which is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironstream.embedded.java import find_java, parse_major
from ironstream.errors import BrokerError


@pytest.fixture
def java_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    return tmp_path


def install(java_home: Path, answer: str) -> None:
    java = java_home / "bin" / "java"
    java.write_text(f"#!/bin/sh\necho '{answer}' >&2\n")
    java.chmod(0o755)


@pytest.mark.parametrize(
    ("answer", "major"),
    [
        ('openjdk version "25.0.2" 2026-01-20 LTS', 25),
        ('openjdk version "17" 2021-09-14', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "26-ea" 2026-03-17', 26),
        ("no such thing", None),
    ],
)
def test_the_major_version_is_read_from_the_answer(answer: str, major: int | None) -> None:
    assert parse_major(answer) == major


def test_the_bundled_java_is_there_and_new_enough() -> None:
    java = find_java("bundled")

    assert java.executable.exists()
    assert java.major >= 17


def test_java_home_is_taken_when_the_system_java_is_asked_for(java_home: Path) -> None:
    install(java_home, 'openjdk version "21.0.1" 2023-10-17')

    java = find_java("system")

    assert (java.executable, java.major) == (java_home / "bin" / "java", 21)


def test_a_java_that_is_too_old_is_refused_with_what_to_do(java_home: Path) -> None:
    install(java_home, 'openjdk version "11.0.22" 2024-01-16')

    with pytest.raises(BrokerError, match="version 11, Kafka needs 17") as caught:
        find_java("system")

    assert "IRONSTREAM_JAVA=bundled" in caught.value.hint


def test_a_java_that_does_not_run_is_refused(java_home: Path) -> None:
    with pytest.raises(BrokerError, match="does not run"):
        find_java("system")


def test_no_java_at_all_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(BrokerError, match="no java on PATH"):
        find_java("system")
