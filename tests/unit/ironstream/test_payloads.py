from typing import Any

import pytest

from ironstream.errors import DecodeError
from ironstream.payloads import forward

FLAT: dict[str, Any] = {
    "tenant_id": "acme", "site_id": "north", "machine_id": "press-1", "ts": 1_700_000_000, "status": "running",
    "metrics": {"temperature": 41.5, "current": 3}, "schema_version": 1, "firmware": "2.1",
}  # fmt: skip


def test_a_flat_payload_becomes_one_reading_per_metric_and_a_status() -> None:
    flat = forward(FLAT)
    assert [(one["parameter"], one["value"], name) for one, name in flat.readings] == [
        ("temperature", 41.5, "temperature"),
        ("current", 3, "current"),
    ]
    for one, _ in flat.readings:
        assert (one["tenant_id"], one["site_id"], one["asset_id"]) == ("acme", "north", "press-1")
        assert one["timestamps"] == {"device_time": 1_700_000_000}
        assert one["firmware"] == "2.1"
        assert not one.keys() & {"machine_id", "ts", "status", "metrics", "schema_version"}
    assert flat.status == {
        "tenant_id": "acme", "site_id": "north", "machine_id": "press-1", "ts": 1_700_000_000, "status": "running",
    }  # fmt: skip


def test_a_payload_of_the_contract_is_left_as_it_is() -> None:
    raw = {"asset_id": "a", "machine_id": "m", "metrics": {}}
    assert forward(raw).readings == [(raw, "")]


@pytest.mark.parametrize(
    ("change", "field"),
    [({"metrics": None}, "metrics"), ({"metrics": [1]}, "metrics"), ({"metrics": {}, "status": None}, "metrics")],
)
def test_a_flat_payload_that_says_nothing_is_refused_by_the_field_that_lacks(
    change: dict[str, Any], field: str
) -> None:
    with pytest.raises(DecodeError) as caught:
        forward(FLAT | change)
    assert caught.value.field == field


def test_a_flat_payload_without_a_time_is_refused() -> None:
    with pytest.raises(DecodeError, match="ts"):
        forward({name: value for name, value in FLAT.items() if name != "ts"})


def test_a_status_alone_is_enough() -> None:
    assert forward(FLAT | {"metrics": {}}).readings == []
