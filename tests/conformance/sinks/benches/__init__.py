"""One bench for every sink, by the name of the registry; a new sink adds its own here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.conformance.sinks.benches.bench import SinkBench
from tests.conformance.sinks.benches.http import CloudApiBench, PagerDutyBench, WebhookBench
from tests.conformance.sinks.benches.journal import JournalBench
from tests.conformance.sinks.benches.parquet import LocalParquetBench, S3ParquetBench
from tests.conformance.sinks.benches.postgres import PostgresBench
from tests.conformance.sinks.benches.redis_twin import RedisTwinBench

BENCHES: Final[Mapping[str, type[SinkBench]]] = {
    "cloud-api": CloudApiBench,
    "journal": JournalBench,
    "pagerduty": PagerDutyBench,
    "postgres": PostgresBench,
    "redis-twin": RedisTwinBench,
    "s3-parquet into a bucket": S3ParquetBench,
    "s3-parquet into a directory": LocalParquetBench,
    "webhook": WebhookBench,
}
JOURNAL: Final = "journal"
"""A sink of the tests alone: what a real one offers beside writing, it does not have."""
WITHOUT_SERVER: Final = frozenset({JOURNAL, "s3-parquet into a directory"})
"""Their targets are files: no connection can be cut."""
