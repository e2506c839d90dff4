"""Lists and single things over state in memory: pages, filters, and what belongs to another tenant."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from ironstream.contract import SeriesId
from ironstream.rollout.statuses import Status
from ironstream.settings import Settings
from ironstream.web.app import build_web
from ironstream.web.auth import Principal, Role
from ironstream.web.options import WebOptions
from ironstream.web.problems import ApiError
from ironstream.web.routes import stream
from ironstream.web.routes.alarms import alarms
from ironstream.web.routes.assets import assets
from ironstream.web.routes.health import health
from ironstream.web.routes.overview import overview_of
from ironstream.web.routes.running import gateways
from ironstream.web.routes.series import series_row
from ironstream.web.routes.tables import rows, tables
from ironstream.web.subscriptions import Subscription
from tests.support.web_memory import NO_DATA, MemoryPlant, alarm_row, client_of
from tests.support.web_memory import series_row as row_of

ACME = Principal("mia", frozenset({Role.OPERATOR}), frozenset({"acme"}))

_PIPELINE = """
version: 1
tenants: [{id: acme}]
pipelines: [{id: line, adapter: simulator, tenant: acme}]
"""


def _plant() -> MemoryPlant:
    plant = MemoryPlant()
    plant.hear(row_of("acme/north/pump-1/flow"), row_of("acme/south/pump-2/flow", quality=3), row_of("other/x/y/flow"))
    plant.put("alarms", [alarm_row("acme/north/pump-1", "hot"), alarm_row("other/x/y", "hot", severity=4)])
    return plant


async def test_nobody_sees_what_belongs_to_another_tenant() -> None:
    plant = _plant()
    assert {item.tenant for item in (await assets(plant, ACME)).items} == {"acme"}
    assert {item.tenant for item in (await alarms(plant, ACME)).items} == {"acme"}
    assert {site.tenant for site in overview_of(plant, ACME).sites} == {"acme"}
    keys = {item.key.partition("/")[0] for item in (await rows(plant, ACME, "series")).items}
    assert keys == {"acme"}
    assert {"alarm_commands", "telemetry_clock"}.isdisjoint(table.name for table in (await tables(plant, ACME)).items)
    with pytest.raises(ApiError, match="There is no table alarm_commands"):
        await rows(plant, ACME, "alarm_commands")
    with pytest.raises(ApiError, match="There is no series other/x/y/flow"):
        series_row(plant, ACME, SeriesId("other", "x", "y", "flow"))


async def test_a_scoped_login_learns_nothing_of_the_whole_plant() -> None:
    plant = MemoryPlant(_PIPELINE)
    said = Status("gateway gw-1 on 10.9.9.9:7", "gateway", 1, 1, refused="the secret of globex is missing")
    plant.topology._said[said.participant] = int(plant.now_ms()), said
    assert {table.rows for table in (await tables(plant, ACME)).items} == {None}
    assert {table.rows for table in (await health(plant, ACME)).tables} == {None}
    [gateway] = (await gateways(plant, ACME)).items
    assert (gateway.health, gateway.detail, gateway.hostname, gateway.processes) == ("refused", None, None, [])


async def test_somebody_may_have_so_many_streams_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_OF_ONE", 1)
    plant = _plant()
    async with client_of(plant) as api:
        plant.live.subscriptions.add(Subscription([], None, f"local {(await api.get('/me')).json()['name']}"))
        answer = await api.get("/stream")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")


async def test_lists_are_filtered_and_paged() -> None:
    async with client_of(_plant()) as api:
        bad = (await api.get("/assets", params={"worst": "BAD"})).json()
        assert [item["asset"] for item in bad["items"]] == ["pump-2"]
        assert bad["items"][0]["site"] == "south"
        first = (await api.get("/alarms", params={"limit": 1})).json()
        assert (first["items"][0]["severity"], first["total"]) == ("CRITICAL", 2)
        second = (await api.get("/alarms", params={"limit": 1, "cursor": first["next"]})).json()
        assert (second["items"][0]["severity"], second["next"]) == ("HIGH", None)
        assert (await api.get("/alarms", params={"severity": "LOW"})).json()["items"] == []
        found = (await api.get("/tables/series", params={"limit": 2})).json()
        rest = (await api.get("/tables/series", params={"limit": 2, "cursor": found["next"]})).json()
        assert [item["key"] for item in (*found["items"], *rest["items"])] == [
            "acme/north/pump-1/flow", "acme/south/pump-2/flow", "other/x/y/flow",
        ]  # fmt: skip


async def test_a_command_that_cannot_be_is_refused_before_it_is_sent() -> None:
    async with client_of(_plant()) as api:
        alarm = "/alarms/acme/north/pump-1/overheat/rule:hot/temperature/commands"
        for body in ({"command": "dance"}, {"command": "ack", "whole_asset": True},
                     {"command": "shelve", "one_shot": True, "until": "2030-01-01T00:00:00Z"}):  # fmt: skip
            assert (await api.post(alarm, json=body)).status_code == 422
        assert (await api.post("/alarms/acme/north/pump-1/x/commands", json={"command": "ack"})).status_code == 404


def test_every_route_describes_its_answers_and_errors() -> None:
    app: FastAPI = build_web(Settings(data_dir=NO_DATA), WebOptions())
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["operationId"], where
            assert operation.get("description") or operation.get("summary"), where
            for status, answer in operation["responses"].items():
                kinds = set(answer.get("content", {}))
                # 204 and 303 have nothing to say but that
                assert kinds or status in ("204", "303"), f"{where}: {status}"
                assert status < "4" or kinds == {"application/problem+json"}, f"{where}: {status}"


async def test_state_that_has_not_been_read_is_503_and_says_when_to_try_again() -> None:
    plant = _plant()
    plant.telemetry.held = None
    async with client_of(plant) as api:
        answer = await api.get("/assets")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        health = (await api.get("/health")).json()
        assert health["status"] == "unavailable"
