"""Tables of the telemetry agent with a row per series or per asset: last values, memory of the quality rules.

Kept for as long as the deployment exists.
"""

from __future__ import annotations

from typing import Final

from ironstream.domain.conditions import CONDITION_STATE
from ironstream.domain.series import ASSET_STATE, SERIES_STATE, Identity
from tables.packed import PackedLayout

SERIES: Final = PackedLayout("series", b"s/", 1, SERIES_STATE)
"""Key: tenant/site/asset/parameter. The rest holds runs of the adapter with holes, and times of series without seq."""
ASSETS: Final = PackedLayout("assets", b"a/", 1, ASSET_STATE)
"""Key: tenant/site/asset."""
CONDITIONS: Final = PackedLayout("conditions", b"c/", 1, CONDITION_STATE)
"""Key: tenant/site/asset/parameter/rule."""


def series_name(identity: Identity) -> bytes:
    """Name of a series in keys."""
    return "/".join(identity).encode()


def identity_of(name: bytes) -> Identity:
    """The series that `series_name` named."""
    tenant, site, asset, parameter = name.decode().split("/")
    return tenant, site, asset, parameter
