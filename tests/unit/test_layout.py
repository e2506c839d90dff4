"""The flat layout (ADR-0001) holds only while the four names mean this checkout."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ironstream", "agents", "tables", "adapters")


@pytest.mark.parametrize("name", PACKAGES)
def test_the_package_is_the_one_of_this_checkout(name: str) -> None:
    module = importlib.import_module(name)

    # without an __init__.py it would be a namespace package, which any installed package of that name displaces
    assert module.__file__ == str(ROOT / name / "__init__.py")


@pytest.mark.parametrize("name", PACKAGES)
def test_an_installed_ironstream_finds_the_package_from_any_folder(name: str, tmp_path: Path) -> None:
    where = subprocess.run(
        [sys.executable, "-P", "-c", f"import {name}; print({name}.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert Path(where.stdout.strip()).resolve() == ROOT / name / "__init__.py"


def test_the_package_can_not_be_uploaded_by_mistake() -> None:
    assert '"Private :: Do Not Upload"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_locks_name_no_host() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text, lock
        assert "--index-url" not in text, lock
        assert "--find-links" not in text, lock


def test_no_module_is_two_ideas() -> None:
    too_long = {
        str(path.relative_to(ROOT)): lines
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }

    assert too_long == {}
