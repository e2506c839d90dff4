"""How the embedded Kafka is configured: the broker's properties and the JVM's flags."""

from __future__ import annotations

from pathlib import Path

from ironstream.embedded.java import Java

HOST = "127.0.0.1"


def server_properties(broker_port: int, controller_port: int) -> str:
    """Kafka's server.properties of a single KRaft node that listens on loopback alone; `log.dirs` is left to add."""
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{broker_port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{broker_port}",
        # a misspelt topic must be an error, and ours need their own settings
        "auto.create.topics.enable": "false",
        # after a power cut or kill -9 the controller waits this long before it takes the broker back (default 9 s)
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 1000,
        "num.network.threads": 2,
        "num.io.threads": 4,
        # room for a chunk's outputs in one batch; changelogs allow more per topic
        "message.max.bytes": 2 * 1024 * 1024,
        "replica.fetch.max.bytes": 8 * 1024 * 1024,
        "log.segment.bytes": 256 * 1024 * 1024,
        # the default of 128 MiB is a quarter of our heap; 16 MiB index 700 000 keys per pass
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        "num.recovery.threads.per.data.dir": 2,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        # a gateway may be switched off for weeks and must still find its place
        "offsets.retention.minutes": 60 * 24 * 30,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        # on one machine all workers of a group start together
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def java_command(java: Java, jars: list[Path], heap_mb: int, kafka_log: Path) -> list[str]:
    """Command that runs one of Kafka's classes; the class and its arguments are to be added."""
    flags = [
        f"-Xmx{heap_mb}m",
        f"-Xms{min(heap_mb, 128)}m",
        # measured on two cores under 200 000 records/s: no slower than G1, with 50 MB less memory and fewer threads
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        f"-Dironstream.kafka.log={kafka_log}",
        f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties')}",
    ]
    if java.major >= 24:
        # Kafka's own uses of native code and Unsafe, which Java warns about since 24
        flags += ["--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"]
    return [str(java.executable), *flags, "-cp", ":".join(map(str, jars))]
