"""Writes the list of jars of the embedded Kafka: coordinates and checksums, no addresses.

Run it through `make lock-kafka` after a change of VERSION or EXTRA; review the difference before committing it.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from jgo.maven import MavenContext

VERSION = "4.1.2"
EXTRA = ("org.apache.logging.log4j:log4j-slf4j-impl",)
"""What Kafka's own distribution adds beside the dependencies of its jar; versioned like log4j-core."""

LOCK = Path(__file__).parent.parent / "ironstream" / "embedded" / "kafka-jars.lock"
HEADER = f"""\
# Jars of Apache Kafka {VERSION}, written by `make lock-kafka`: group:artifact:version sha256
"""


def main() -> None:
    """Resolve Kafka's runtime dependencies, download them, write the lock."""
    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(repo_cache=Path(scratch))
        kafka = context.create_dependency(f"org.apache.kafka:kafka_2.13:{VERSION}")
        inputs, transitive = context.resolver.resolve([kafka])
        artifacts = [resolved.artifact for resolved in (*inputs, *transitive)]
        log4j = next(a.version for a in artifacts if a.artifactId == "log4j-core")
        for coordinate in EXTRA:
            group, name = coordinate.split(":")
            artifacts.append(context.project(group, name).at_version(log4j).artifact())
        lines = []
        for artifact in artifacts:
            digest = hashlib.sha256(artifact.resolve().read_bytes()).hexdigest()
            lines.append(f"{artifact.groupId}:{artifact.artifactId}:{artifact.version} {digest}\n")
        LOCK.write_text(HEADER + "".join(sorted(lines)), encoding="utf-8")
    print(f"{LOCK.name}: {len(lines)} jars of Kafka {VERSION}")


if __name__ == "__main__":
    main()
