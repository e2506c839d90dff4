"""Every kind of sink by its name. A new one is one folder, one line here, and the conformance suite green."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final

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


class _Kinds(Mapping[str, "SinkKind"]):
    """Each is imported when it is first asked for: a process pays for the libraries of the targets that it has."""

    def __getitem__(self, name: str) -> SinkKind:
        module, _, attribute = _KINDS[name].partition(":")
        kind: SinkKind = getattr(import_module(module), attribute)
        return kind

    def __iter__(self) -> Iterator[str]:
        return iter(_KINDS)

    def __len__(self) -> int:
        return len(_KINDS)

    def __contains__(self, name: object) -> bool:
        # Mapping would import it to see
        return name in _KINDS


SINKS: Final[Mapping[str, SinkKind]] = _Kinds()
"""Name in topology.yaml (`kind:`)."""
