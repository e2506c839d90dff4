import pytest

from ironstream.topology import check_text

ASSETS = "version: 1\nassets: [{id: a, parameters: [{name: t}]}, {id: b}]\n"


@pytest.mark.parametrize(
    "pipeline",
    [
        "{id: p, adapter: mqtt, config: {topics: [{pattern: 'plant/{asset}/#'}]}}",
        "{id: p, adapter: mqtt, asset: a, config: {topics: [{pattern: 'x/#', format: ironstream}]}}",
        "{id: p, adapter: mqtt, asset: a, config: {sparkplug: {}}}",
        "{id: p, adapter: mqtt, config: {}}",
    ],
)
def test_nothing_is_said_where_assets_come_with_what_is_read(pipeline: str) -> None:
    assert check_text(f"{ASSETS}pipelines: [{pipeline}]\n".encode()).faults == []


def test_nothing_is_said_of_a_plant_without_pipelines() -> None:
    assert check_text(ASSETS.encode()).faults == []


def test_assets_of_radios_and_topics_count_as_delivered_with_all_their_parameters() -> None:
    pipelines = (
        "[{id: p, adapter: xbee, config: {nodes: [{asset: a}], tags: []}}, {id: q, adapter: m, asset: b, config: {}}]"
    )

    assert check_text(f"{ASSETS}pipelines: {pipelines}\n".encode()).faults == []


def test_what_dangles_is_told_where_it_is_named_and_not_twice() -> None:
    pipelines = "[{id: p, adapter: m, asset: c, config: {tags: [{name: t}]}}]"

    assert [fault.severity for fault in check_text(f"{ASSETS}pipelines: {pipelines}\n".encode()).faults] == ["error"]
