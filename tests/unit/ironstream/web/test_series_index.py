"""Rows of series: how they are found, and where they go."""

from __future__ import annotations

import asyncio

import pytest

from ironstream.contract import SeriesId
from ironstream.web.series_index import SeriesIndex
from tests.support.web_memory import declared, series_row

HEAD = "version: 1\ntenants: [{id: acme}]\nsites: [{id: north, tenant: acme}]\nassets:\n"


def _plant(count: int, first: int = 0) -> str:
    asset = "  - {{id: pump-{}, tenant: acme, site: north, parameters: [{{name: temperature, unit: degC}}]}}\n"
    return HEAD + "".join(asset.format(number) for number in range(first, first + count))


def _pump(number: int) -> SeriesId:
    return SeriesId("acme", "north", f"pump-{number}", "temperature")


@pytest.mark.parametrize("count", [64, 65, 129])
def test_any_number_of_series_may_be_declared_before_one_is_heard(count: int) -> None:
    index = SeriesIndex()
    index.declare(declared(_plant(count)))
    found = [index.find(_pump(number)) for number in range(count)]
    assert None not in found
    assert index.column("declared").tolist() == [True] * count


def test_rows_of_series_that_are_gone_are_given_to_others_after_a_while() -> None:
    now = [0.0]
    index = SeriesIndex(lambda: now[0])
    for turn in range(5):
        rows = [series_row(f"acme/north/dev-{turn}-{number}/flow", clean=9) for number in range(100)]
        index.take(rows)
        assert len(index.assets_in_order()) == 100
        index.take([(partition, (key, None)) for partition, (key, _) in rows])
        assert index.assets_in_order() == []
        now[0] += 61
    assert (len(index), len(index.assets), index.state["clean"].sum()) == (100, 100, 0)


def test_a_row_that_is_free_is_left_alone_for_as_long_as_somebody_may_have_its_number() -> None:
    now = [0.0]
    index = SeriesIndex(lambda: now[0])
    partition, (key, _) = row = series_row("acme/north/a/flow")
    index.take([row, (partition, (key, None))])
    now[0] = 59.0
    index.take([series_row("acme/north/b/flow")])
    assert [one.asset_id for one in index.ids] == ["a", "b"]


async def test_a_version_takes_the_place_of_the_one_before_at_once_and_frees_what_it_lacks() -> None:
    index = SeriesIndex()
    index.declare(declared(_plant(600)))
    declaring = asyncio.create_task(index.declare_in_steps(declared(_plant(600, first=300))))
    seen = set()
    while not declaring.done():
        await asyncio.sleep(0)
        seen.add((index.find(_pump(0)) is not None, index.find(_pump(800)) is not None))
    await declaring
    assert seen == {(True, False), (False, True)}
    assert len(index._rows) == 600
