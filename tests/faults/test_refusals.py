"""What cannot be survived is refused: the worker stops with an error that says what is wrong and what to do."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from ironstream.settings import Settings
from ironstream.topics import TopicSpec, changelog_config, ensure_topics
from tests.support.faults import disks
from tests.support.faults.deployment import Deployment
from tests.support.faults.rig import Rig

_ENDS_S = 90


@asynccontextmanager
async def admin_of(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**settings.kafka_client_kwargs())
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@pytest.fixture
async def worked(deployment: Settings, tmp_path: Path) -> Rig:
    """A worker has counted some words and stopped in order."""
    rig = Rig(deployment, tmp_path / "state")
    await rig.create()
    await rig.say(*[(b"a", b"x"), (b"b", b"x")] * 50)
    with rig.worker() as process:
        await rig.counted({b"a": 50, b"b": 50})
        assert await rig.stopped(process) == 0, rig.log()[-3000:]
    return rig


async def refusal(rig: Rig) -> str:
    """What the next worker says before it ends by itself, with a code other than 0."""
    before = len(rig.log())
    outputs = len(await rig.read(rig.settings.topic("counts")))
    with rig.worker() as process:
        assert await asyncio.to_thread(process.wait, _ENDS_S) > 0
    assert len(await rig.read(rig.settings.topic("counts"))) == outputs, "a worker that refuses must write nothing"
    return rig.log()[before:]


async def cut_changelog(rig: Rig) -> None:
    """Somebody turns deletion on, and most of the changelog expires (Kafka deletes nothing of a compacted topic)."""
    end = (await rig.read(rig.changelog))[-1].offset
    async with admin_of(rig.settings) as admin:
        for policy in ("compact,delete", "compact"):
            config = changelog_config() | {"cleanup.policy": policy}
            (answer,) = await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, rig.changelog, config)])
            assert answer.to_object()["resources"][0]["error_code"] == 0
            if policy != "compact":
                await admin.delete_records({TopicPartition(rig.changelog, 0): RecordsToDelete(end - 1)})


async def empty_changelog(rig: Rig) -> None:
    """The topic is deleted and made anew."""
    async with admin_of(rig.settings) as admin:
        await admin.delete_topics([rig.changelog])
    await rig.create()


async def test_a_changelog_that_lacks_its_beginning_is_refused_without_a_local_copy(worked: Rig) -> None:
    await cut_changelog(worked)
    shutil.rmtree(worked.folder)

    said = await refusal(worked)

    assert "were deleted, and with them state" in said
    assert "Bring the topic" in said


async def test_a_changelog_that_lacks_its_beginning_is_told_of_and_the_local_copy_goes_on(worked: Rig) -> None:
    await cut_changelog(worked)
    await worked.say((b"a", b"x"))

    with worked.worker() as process:
        await worked.counted({b"a": 51, b"b": 50})
        assert await worked.stopped(process) == 0

    assert "changelog lacks its beginning" in worked.log()


async def test_a_changelog_that_was_made_anew_is_refused_with_and_without_a_local_copy(worked: Rig) -> None:
    await empty_changelog(worked)

    assert "is not the changelog of the local copy" in await refusal(worked)
    shutil.rmtree(worked.folder)
    said = await refusal(worked)

    assert "the state was there and is lost" in said
    assert "delete the topic" in said


async def test_a_local_copy_of_a_newer_format_is_refused(worked: Rig) -> None:
    (copy,) = (path.parent for path in worked.folder.glob("*/0/CURRENT"))
    disks.rewrite_format(copy, 99)

    said = await refusal(worked)

    assert "has format 99, this release reads up to" in said
    assert "newer release" in said


async def test_a_topic_with_another_number_of_partitions_is_refused_at_the_start(plant: Deployment) -> None:
    settings = plant.settings
    raw = TopicSpec(settings.topic("telemetry.raw"), 8)
    await ensure_topics(settings.kafka_client_kwargs(), [raw])

    code, said = await asyncio.to_thread(_start, plant)

    assert code == 1
    assert "telemetry.raw: partitions is 8, should be 4" in said
    assert "Set IRONSTREAM_PARTITIONS" in said


async def test_a_changelog_with_another_number_of_partitions_or_policy_is_refused_at_the_start(
    plant: Deployment,
) -> None:
    settings = plant.settings
    changelog = settings.topic("ironstream.telemetry.changelog")
    await ensure_topics(settings.kafka_client_kwargs(), [TopicSpec(changelog, 2, changelog_config())])
    code, said = await asyncio.to_thread(_start, plant)
    assert code == 1
    assert "ironstream.telemetry.changelog: partitions is 2, should be 4" in said

    other = settings.model_copy(update={"topic_prefix": settings.topic_prefix + "other."})
    changelog = other.topic("ironstream.telemetry.changelog")
    await ensure_topics(settings.kafka_client_kwargs(), [TopicSpec(changelog, 4, {"cleanup.policy": "delete"})])
    plant.settings = other
    code, said = await asyncio.to_thread(_start, plant)
    assert code == 1
    assert "cleanup.policy is delete, should be compact" in said


async def test_partitions_that_are_added_under_a_running_worker_stop_it(plant: Deployment) -> None:
    # ticks alone move the group's offsets
    worker = plant.start_worker()
    await plant.processing()

    async with admin_of(plant.settings) as admin:
        await admin.create_partitions({plant.settings.topic("telemetry.raw"): NewPartitions(total_count=8)})
    code = await worker.exit(_ENDS_S)

    assert code > 0
    assert "has more than 4 partitions" in worker.log.read_text()
    assert "new IRONSTREAM_TOPIC_PREFIX" in worker.log.read_text()


def _start(plant: Deployment) -> tuple[int, str]:
    """`ironstream worker` until it ends; its code and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "ironstream.cli", "worker"],
        env=os.environ | plant.environment(),
        capture_output=True,
        text=True,
        timeout=_ENDS_S,
        check=False,
    )
    # the command line breaks long lines
    return done.returncode, " ".join((done.stdout + done.stderr).split())
