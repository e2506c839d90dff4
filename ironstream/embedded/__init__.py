"""Apache Kafka for one machine, from pip alone: a child process that keeps its data over restarts."""

from ironstream.embedded.jars import JarProgress
from ironstream.embedded.kafka import EmbeddedKafka

__all__ = ["EmbeddedKafka", "JarProgress"]
