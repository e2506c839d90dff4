"""Raw readings, as an adapter writes them."""

from __future__ import annotations

import time
from typing import Any

from ironstream.contract import SeriesId
from ironstream.domain.times import to_iso


def raw_reading(
    series: str, value: float | None, seq: int, *, boot: str = "feed", at_us: int | None = None, **more: Any
) -> dict[str, Any]:
    """The body of a reading of `tenant/site/asset/parameter`, read at `at_us` (µs since the epoch) or just now.

    `more` are further fields, as `unit`.
    """
    tenant, site, asset, parameter = series.split("/", 3)
    read = to_iso(time.time_ns() // 1000 if at_us is None else at_us)
    body = {
        "schema_version": 1, "tenant_id": tenant, "site_id": site, "asset_id": asset, "parameter": parameter,
        "value": value, "timestamps": {"device_time": read, "gateway_time": read},
        "metadata": {"boot": boot, "seq": seq},
    }  # fmt: skip
    return body | more


def name_of(body: dict[str, Any]) -> str:
    """The series of a reading."""
    return str(SeriesId(body["tenant_id"], body["site_id"], body["asset_id"], body["parameter"]))
