"""The data folder: which one is taken, which one is refused and why."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from ironstream.embedded.storage import Storage
from ironstream.errors import BrokerError

META = "#\n#Fri Nov 21 08:00:00 UTC 2025\ncluster.id=4L6g3nShT-eMCtK--X86sw\nversion=1\ndirectory.id=x\nnode.id=1\n"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    storage = Storage(tmp_path)
    storage.log_dir.mkdir()
    (storage.log_dir / "meta.properties").write_text(META)
    storage.stamp("4.1.2")
    return storage


@pytest.mark.parametrize("version", ["4.1.0", "4.1.9", "4.2.0", "5.0.0"])
def test_data_of_the_same_or_an_older_release_are_taken(storage: Storage, version: str) -> None:
    assert storage.formatted
    assert storage.cluster_id(version) == "4L6g3nShT-eMCtK--X86sw"


def test_data_of_a_newer_release_are_refused(storage: Storage) -> None:
    storage.stamp("4.2.0")

    with pytest.raises(BrokerError, match=r"Kafka 4\.2\.0 wrote it") as caught:
        storage.cluster_id("4.1.2")

    assert "IRONSTREAM_DATA_DIR" in caught.value.hint


def test_an_unknown_version_is_refused(storage: Storage) -> None:
    storage.stamp("trunk")

    with pytest.raises(BrokerError, match="'trunk'"):
        storage.cluster_id("4.1.2")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xfe\x00rubbish", "cannot be read"),
        (b"", "lacks version, cluster.id, node.id"),
        (b"version=1\nnode.id=1\n", r"lacks cluster\.id"),
        (META.replace("version=1", "version=7").encode(), "version 7"),
        (META.replace("node.id=1", "node.id=3").encode(), r"node\.id 3"),
    ],
)
def test_a_damaged_or_foreign_folder_is_refused_and_left_alone(storage: Storage, content: bytes, why: str) -> None:
    meta = storage.log_dir / "meta.properties"
    meta.write_bytes(content)

    with pytest.raises(BrokerError, match=why) as caught:
        storage.cluster_id("4.1.2")

    assert caught.value.hint
    assert meta.read_bytes() == content


def test_data_without_meta_properties_are_not_formatted_over(storage: Storage) -> None:
    (storage.log_dir / "telemetry.raw-0").mkdir()
    (storage.log_dir / "meta.properties").unlink()

    with pytest.raises(BrokerError, match=r"meta\.properties is missing"):
        storage.formatted  # noqa: B018 - asking is what raises


def test_an_empty_or_absent_folder_is_to_be_formatted(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    assert not storage.formatted
    storage.log_dir.mkdir()
    assert not storage.formatted


def test_a_format_that_fails_says_what_kafka_said_and_leaves_nothing(tmp_path: Path) -> None:
    storage = Storage(tmp_path)

    with pytest.raises(BrokerError, match="no space"):
        storage.format([sys.executable, "-c", "import sys; sys.exit('no space left')"], "", "4.1.2")

    assert not storage.formatted
    assert not list(tmp_path.glob("*.properties"))


async def test_the_lock_is_exclusive_until_its_last_holder_lets_go(tmp_path: Path) -> None:
    held = await Storage(tmp_path).lock(0)
    with pytest.raises(BrokerError, match="Another embedded Kafka is running"):
        await Storage(tmp_path).lock(0)

    os.close(held)

    os.close(await Storage(tmp_path).lock(0))


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch(mode=stat.S_IRUSR)

    with pytest.raises(BrokerError, match="cannot be used"):
        await Storage(blocked / "data").lock(0)
