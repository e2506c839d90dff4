"""Writes the lists of jars that Java parts are made of: coordinates and checksums, no addresses.

`make lock-jars` writes all of them, `make lock-jars ONLY=kafka,milo` some. Run it after a change of `SETS`, and review
the difference before committing it.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from jgo.maven import MavenContext

ROOT = Path(__file__).parent.parent
FOR_TESTS = ROOT / "tests" / "support" / "java" / "jars"


@dataclass(frozen=True)
class JarSet:
    """What is resolved with its runtime dependencies (`group:artifact:version`), and where the list stands.

    `extra` (`group:artifact`) comes without dependencies, in the version of `like`, an artifact that is among them.
    """

    wanted: tuple[str, ...]
    lock: Path
    extra: tuple[str, ...] = ()
    like: str = ""


SETS = {
    "kafka": JarSet(
        ("org.apache.kafka:kafka_2.13:4.1.2",),
        ROOT / "ironstream" / "embedded" / "kafka-jars.lock",
        # what Kafka's own distribution adds beside the dependencies of its jar
        extra=("org.apache.logging.log4j:log4j-slf4j-impl",),
        like="log4j-core",
    ),
    "j2mod": JarSet(("com.ghgande:j2mod:3.3.0",), FOR_TESTS / "j2mod.lock"),
    # Milo asks for a range of Bouncy Castle's versions, which jgo does not know: they are named
    "milo": JarSet(
        (
            "org.bouncycastle:bcutil-jdk18on:1.80",
            "org.bouncycastle:bcprov-jdk18on:1.80",
            "org.eclipse.milo:milo-sdk-server:1.1.0",
        ),
        FOR_TESTS / "milo.lock",
    ),
    "hivemq": JarSet(("com.hivemq:hivemq-community-edition-embedded:2025.5",), FOR_TESTS / "hivemq.lock"),
    "tahu": JarSet(("org.eclipse.tahu:tahu-core:1.0.18",), FOR_TESTS / "tahu.lock"),
}


def main(names: list[str]) -> None:
    """Resolve, download, write the locks."""
    for name in names or list(SETS):
        jars = SETS[name]
        lines = _resolved(jars)
        header = f"# Jars of {', '.join(jars.wanted)}, written by `make lock-jars`: group:artifact:version sha256\n"
        jars.lock.parent.mkdir(parents=True, exist_ok=True)
        jars.lock.write_text(header + "".join(sorted(lines)), encoding="utf-8")
        print(f"{jars.lock.name}: {len(lines)} jars")


def _resolved(jars: JarSet) -> list[str]:
    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(repo_cache=Path(scratch))
        wanted = [context.create_dependency(coordinates) for coordinates in jars.wanted]
        inputs, transitive = context.resolver.resolve(wanted)
        artifacts = [resolved.artifact for resolved in (*inputs, *transitive)]
        for coordinates in jars.extra:
            group, name = coordinates.split(":")
            version = next(artifact.version for artifact in artifacts if artifact.artifactId == jars.like)
            artifacts.append(context.project(group, name).at_version(version).artifact())
        lines = []
        for artifact in artifacts:
            digest = hashlib.sha256(artifact.resolve().read_bytes()).hexdigest()
            lines.append(f"{artifact.groupId}:{artifact.artifactId}:{artifact.version} {digest}\n")
        return lines


if __name__ == "__main__":
    main([name for argument in sys.argv[1:] for name in argument.split(",")])
