from __future__ import annotations

from pathlib import Path

import pytest

from ironstream.topology import TopologyError, check_sources, read_sources
from ironstream.topology.files import signature_of
from ironstream.topology.load import MAX_BYTES


def written(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "topology.yaml"


def test_a_topology_is_read_with_all_that_it_includes_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "assets" / "north").mkdir(parents=True)
    path = written(
        tmp_path,
        topology="version: 1\ninclude: ['./assets/*.yaml', '*.yaml', sites.yaml]\n",
        assets__b="b",
        assets__a="a",
        assets__north__c="c",
        sites="s",
    )
    (tmp_path / "assets" / ".a.yaml.swp").write_text("half", encoding="utf-8")

    sources = read_sources(path)

    assert list(sources.files) == ["topology.yaml", "assets/a.yaml", "assets/b.yaml", "sites.yaml"]
    assert sources.root == "topology.yaml"
    assert sources.unread == {}


def test_a_link_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "shadow"
    secret.write_text("version: 1\n", encoding="utf-8")
    folder = tmp_path / "plant"
    folder.mkdir()
    path = written(folder, topology="version: 1\ninclude: ['*.yaml']\n")
    (folder / "a.yaml").symlink_to(secret)

    sources = read_sources(path)

    assert list(sources.files) == ["topology.yaml"]
    assert "outside of the folder" in sources.unread["a.yaml"]
    assert check_sources(sources).topology is None


def test_a_link_within_the_folder_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, topology="version: 1\ninclude: [a.yaml]\n", versions__1="version: 1\n")
    (tmp_path / "a.yaml").symlink_to("versions/1.yaml")

    assert read_sources(path).files["a.yaml"] == b"version: 1\n"


def test_a_file_that_is_too_large_is_told_by_its_name(tmp_path: Path) -> None:
    path = written(tmp_path, topology="version: 1\ninclude: [a.yaml]\n", a=" " * (MAX_BYTES + 10))

    faults = check_sources(read_sources(path)).faults

    assert [fault.filename for fault in faults] == ["a.yaml"]
    assert "more than" in faults[0].message


def test_a_broken_first_file_is_told_as_itself(tmp_path: Path) -> None:
    path = written(tmp_path, topology="version: 1\ninclude: [a.yaml\n")

    assert [fault.filename for fault in check_sources(read_sources(path)).faults] == ["topology.yaml"]


def test_a_first_file_that_is_not_there_is_an_error_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match="cannot be read: No such file"):
        read_sources(tmp_path / "none.yaml")


def test_the_signature_tells_of_changes_in_every_file_and_of_new_ones(tmp_path: Path) -> None:
    path = written(tmp_path, topology="version: 1\n", assets__a="a")
    patterns = ("assets/*.yaml",)
    signatures = [signature_of(path, patterns)]
    written(tmp_path, assets__a="longer")
    signatures.append(signature_of(path, patterns))
    written(tmp_path, assets__b="b")
    signatures.append(signature_of(path, patterns))
    (tmp_path / "assets" / "a.yaml").unlink()
    signatures.append(signature_of(path, patterns))

    assert len(set(signatures)) == 4
    assert signature_of(path, patterns) == signatures[-1]
