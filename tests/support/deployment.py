"""Settings of deployments on the tests' Kafka."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Final

from ironstream.embedded import EmbeddedKafka
from ironstream.settings import Settings

PARTITIONS: Final = 4


def settings_of_its_own(kafka: EmbeddedKafka, folder: Path) -> Settings:
    """A deployment that shares nothing with any other; its topics do not exist yet (`topics.ensure_topics`)."""
    unique = uuid.uuid4().hex[:8]
    return Settings(
        bootstrap=kafka.bootstrap,
        topic_prefix=f"t{unique}.",
        application_id=f"test-{unique}",
        partitions=PARTITIONS,
        data_dir=folder / "data",
        topology=folder / "topology.yaml",
    )
