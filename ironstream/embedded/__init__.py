"""Apache Kafka and PostgreSQL for one machine, from pip alone: child processes that keep their data over restarts."""

from ironstream.embedded.jars import JarProgress
from ironstream.embedded.kafka import EmbeddedKafka

__all__ = ["EmbeddedKafka", "JarProgress"]
