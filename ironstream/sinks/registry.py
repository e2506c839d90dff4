"""Every kind of sink by its name. A new one is one folder, one line here, and the conformance suite green."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ironstream.lazy import Lazy

if TYPE_CHECKING:
    # what a kind is made of loads the kernels: whoever only asks for the names does without
    from ironstream.sinks.sink import SinkKind

_KINDS: Final = {
    "cloud-api": "ironstream.sinks.cloud_api.kind:CLOUD_API",
    "pagerduty": "ironstream.sinks.pagerduty.kind:PAGERDUTY",
    "postgres": "ironstream.sinks.postgres.kind:POSTGRES",
    "redis-twin": "ironstream.sinks.redis_twin.kind:REDIS_TWIN",
    "s3-parquet": "ironstream.sinks.s3_parquet.kind:S3_PARQUET",
    "timescaledb": "ironstream.sinks.postgres.kind:TIMESCALEDB",
    "webhook": "ironstream.sinks.webhook.kind:WEBHOOK",
}


SINKS: Final[Mapping[str, SinkKind]] = Lazy(_KINDS)
"""Name in topology.yaml (`kind:`)."""
