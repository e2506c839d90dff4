"""docs/guarantees.md names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_and_file_that_the_guarantees_name_is_there() -> None:
    text = (ROOT / "docs" / "guarantees.md").read_text()
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    names = re.findall(r"`(test_\w+)…?`", text)
    files = re.findall(r"tests/[\w/]+\.py", text)

    assert len(names) > 10
    assert [name for name in names if f"def {name}" not in tests] == []
    assert [file for file in files if not (ROOT / file).exists()] == []
