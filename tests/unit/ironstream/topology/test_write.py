from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ironstream.errors import ConfigurationError
from ironstream.topology.write import Replacement, replace_file, replace_files


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "topology.yaml"
    path.write_bytes(b"old")
    path.chmod(0o640)
    return path


def test_the_file_is_replaced_with_its_permissions_and_nothing_is_left_beside_it(file: Path) -> None:
    replace_file(file, b"new", b"old")

    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert list(file.parent.iterdir()) == [file]


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(file)

    replace_file(link, b"new", b"old")

    assert link.is_symlink()
    assert file.read_bytes() == b"new"


def test_a_file_that_somebody_changed_meanwhile_is_left_alone(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="changed by somebody else"):
        replace_file(file, b"new", b"older")

    assert file.read_bytes() == b"old"
    assert list(file.parent.iterdir()) == [file]


def test_a_disk_that_fails_leaves_the_old_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ConfigurationError, match="cannot be written: No space left on device"):
        replace_file(file, b"new", b"old")

    assert file.read_bytes() == b"old"
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        replace_file(tmp_path / "none.yaml", b"new", b"old")


def test_of_several_files_all_are_replaced_or_none(file: Path) -> None:
    other = file.with_name("other.yaml")
    other.write_bytes(b"old")

    with pytest.raises(ConfigurationError, match=r"other\.yaml was changed by somebody else"):
        replace_files([Replacement(file, b"new", b"old"), Replacement(other, b"new", b"older")])
    assert (file.read_bytes(), other.read_bytes()) == (b"old", b"old")

    replace_files([Replacement(file, b"new", b"old"), Replacement(other, b"newer", b"old")])
    assert (file.read_bytes(), other.read_bytes()) == (b"new", b"newer")
