"""Names of the twin's keys.

All keys of one asset share the hash tag `{tenant/site/asset}`, so that Redis Cluster keeps them on one node and they
can change in one transaction. Parts of an identity hold neither `/` nor `:` nor braces, so no two names meet.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AssetKeys:
    """Keys of one asset."""

    prefix: str
    tenant_id: str
    site_id: str
    asset_id: str

    @property
    def base(self) -> str:
        """What all of them begin with."""
        return f"{self.prefix}:{{{self.tenant_id}/{self.site_id}/{self.asset_id}}}"

    @property
    def last(self) -> str:
        """Hash: parameter → last value."""
        return f"{self.base}:last"

    def ring(self, parameter: str) -> str:
        """Sorted set: 1 min aggregates of a series, scored by the begin of their window (epoch in ms)."""
        return f"{self.base}:1min:{parameter}"

    @property
    def alarms(self) -> str:
        """Hash: occurrence id → alarm that is not over."""
        return f"{self.base}:alarms"

    @property
    def cleared(self) -> str:
        """Sorted set: ids of occurrences that are over, scored by when (epoch in ms)."""
        return f"{self.base}:alarms:cleared"
