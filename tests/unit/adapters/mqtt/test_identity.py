from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mqtt.identity import IdentityError, PointBook, Series, as_part, as_written, names_in, rendered
from ironstream.contract import IDENTITY_PART
from ironstream.gateway.adapter import Point


def test_names_of_devices_are_made_to_fit() -> None:
    assert as_part("Motor/Speed (rpm)") == "Motor.Speed_rpm_"
    assert as_part("_hidden") == "hidden"


@given(st.text())
def test_any_name_becomes_a_part_of_an_identity_or_is_refused(text: str) -> None:
    with contextlib.suppress(IdentityError):
        assert IDENTITY_PART.fullmatch(as_part(text))


def test_a_tenant_is_never_made_to_fit() -> None:
    assert as_written("tenant", "acme") == "acme"
    with pytest.raises(IdentityError, match="tenant"):
        as_written("tenant", "acme corp")


def test_templates_are_filled_from_names() -> None:
    assert rendered("{site}-{line}", {"site": "north", "line": "{site}"}) == "north-{site}"
    assert names_in("{site}-{line}") == {"site", "line"}
    with pytest.raises(ValueError, match="braces"):
        names_in("{Site}")


def series(parameter: str, source: str = "x") -> Series:
    return Series(parameter, "pump", None, None, source)


def test_a_series_has_one_source_and_there_are_only_so_many() -> None:
    book = PointBook(2)
    point = book.find(series("a"), lambda: Point("a", asset_id="pump"))
    assert book.find(series("a"), lambda: Point("z")) is point
    with pytest.raises(IdentityError, match="would both be pump/a"):
        book.find(series("a", "y"), lambda: Point("a", asset_id="pump"))
    book.find(series("b"), lambda: Point("b"))
    with pytest.raises(IdentityError, match="max_points"):
        book.find(series("c"), lambda: Point("c"))
    assert [p.parameter for p in book.points] == ["a", "b"]
