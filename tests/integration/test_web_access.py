"""Who may do what with the web view: every role on every route, in every scope, over a real deployment."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import pytest
from fastapi.routing import APIRoute

from ironstream.contract import CONTROL_KEY, Topic
from ironstream.embedded import EmbeddedKafka
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.operations import write_version
from ironstream.topology.sources import Sources
from ironstream.web.app import ROUTERS
from ironstream.web.auth import Principal, Role
from ironstream.web.auth.login import COOKIE
from ironstream.web.auth.needs import Needs
from ironstream.web.auth.routes import OPEN
from ironstream.web.auth.sessions import Sessions, new_session, secret_in
from ironstream.web.auth.token_file import add_token
from ironstream.web.auth.tokens import FILE_NAME, hash_of, make_token
from ironstream.web.routes.stream import HEARTBEAT_S
from tests.support.faults.deployment import Worker
from tests.support.web import HOT, SPEED, TEMPERATURE, events_of, until
from tests.support.web_access import SCOPES, SCRIPT, Access, access_to

SERIES: Final = f"/series/{TEMPERATURE}"


@dataclass(frozen=True)
class Rule:
    """What a route asks for. `of_tenant`: what is named is acme's, and for others it is not there. `open`: no login."""

    path: str
    role: Role = Role.OPERATOR
    whole: bool = False
    of_tenant: bool = False
    body: Any = None


MATRIX: Final = {
    "getMe": Rule("/me", Role.COPILOT),
    "getHealth": Rule("/health"),
    "getOverview": Rule("/overview"),
    "listAssets": Rule("/assets"),
    "getAsset": Rule("/assets/acme/north/pump-1", of_tenant=True),
    "getSeries": Rule(SERIES, of_tenant=True),
    "listReadings": Rule(f"{SERIES}/readings", of_tenant=True),
    "listAggregates": Rule(f"{SERIES}/aggregates?size_s=10", of_tenant=True),
    "listAlarms": Rule("/alarms"),
    "getAlarm": Rule(f"/alarms/{HOT}", of_tenant=True),
    "getJournal": Rule(f"/alarms/{HOT}/journal", of_tenant=True),
    "commandAlarm": Rule(f"/alarms/{HOT}/commands", of_tenant=True, body={"command": "comment", "comment": "seen"}),
    "listTables": Rule("/tables"),
    "listRows": Rule("/tables/series"),
    "stream": Rule(f"/stream?series={TEMPERATURE}", of_tenant=True),
    "getTopology": Rule("/topology"),
    "listVersions": Rule("/topology/versions", whole=True),
    "getVersion": Rule("/topology/versions/1", whole=True),
    "diffVersions": Rule("/topology/diff?from=1&to=1", whole=True),
    "listParticipants": Rule("/topology/participants", whole=True),
    "getGraph": Rule("/topology/graph"),
    "rollBackTopology": Rule(
        "/topology/rollback", Role.ENGINEER, whole=True, body={"version": 1, "reason": "holds already"}
    ),
    "listPipelines": Rule("/pipelines"),
    "listGateways": Rule("/gateways"),
    "listSinks": Rule("/sinks"),
    "listDeadLetterTopics": Rule("/dlq/topics"),
    "listDeadLetterReasons": Rule("/dlq/reasons"),
    "listDeadLetters": Rule("/dlq/dlq.invalid_telemetry"),
    "getDeadLetter": Rule("/dlq/dlq.invalid_telemetry/{dead}", of_tenant=True),
    "getRecord": Rule("/records/telemetry.raw/{raw}", of_tenant=True),
    "replayDeadLetters": Rule(
        "/dlq/replay", Role.ENGINEER, body={"topic": "dlq.invalid_telemetry", "reason": "no_such_reason"}
    ),
    "getLedger": Rule("/ledger?tenant=acme"),
    "listAudit": Rule("/audit", Role.ADMIN, whole=True),
    "listTokens": Rule("/tokens", Role.ADMIN, whole=True),
    "makeToken": Rule("/tokens", Role.ADMIN, whole=True, body={"name": "made", "roles": ["copilot"]}),
    "revokeToken": Rule("/tokens/{spare}", Role.ADMIN, whole=True, body={}),
}
ROUTES: Final = {
    route.operation_id or route.path: route
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
}


@pytest.fixture(scope="module")
def plant(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    """One worker and one web view for all tests of this module, with a login."""
    with access_to(kafka, tmp_path_factory.mktemp("web")) as made:
        yield made


async def _status(plant: Access, client: httpx.AsyncClient, name: str) -> int:
    """What a route answers to somebody."""
    rule, method = MATRIX[name], next(iter(ROUTES[name].methods or ()))
    path = rule.path.replace("{dead}", plant.dead).replace("{raw}", plant.raw).replace("{spare}", plant.spare)
    async with client.stream(method, path, json=rule.body) as answer:
        return answer.status_code


def test_every_route_is_in_the_matrix_and_asks_for_what_it_says() -> None:
    asked: dict[str, tuple[Role, bool]] = {}
    for name, route in ROUTES.items():
        needs = [one.call for one in _dependencies(route.dependant) if isinstance(one.call, Needs)]
        assert len(needs) == (0 if name in OPEN else 1), f"{name}: {len(needs)} of Needs"
        if needs:
            asked[name] = needs[0].role, needs[0].whole
        assert route.include_in_schema, name

    assert asked == {name: (rule.role, rule.whole) for name, rule in MATRIX.items()}


def _dependencies(dependant: Any) -> Iterator[Any]:
    for one in dependant.dependencies:
        yield one
        yield from _dependencies(one)


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_may_what_it_may_on_every_route_and_in_every_scope(plant: Access, role: Role) -> None:
    wrong = []
    for scope in SCOPES:
        async with plant.as_(role, scope) as client:
            for name, rule in MATRIX.items():
                wanted = _wanted(role, scope, name, rule)
                got = await _status(plant, client, name)
                if got != wanted:
                    wrong.append(f"{name} as {role} ({scope}): {got}, and not {wanted}")

    assert wrong == []


def _wanted(role: Role, scope: str, name: str, rule: Rule) -> int:
    """By the words of the roles, told apart from how the product decides it."""
    changes = rule.body is not None
    allowed = {
        Role.COPILOT: {Role.COPILOT, Role.OPERATOR} if not changes else set(),
        Role.OPERATOR: {Role.COPILOT, Role.OPERATOR},
        Role.ENGINEER: {Role.COPILOT, Role.OPERATOR, Role.ENGINEER},
        Role.ADMIN: set(Role),
    }[role]
    if rule.role not in allowed or (rule.whole and scope != "all"):
        return 403
    return 404 if rule.of_tenant and scope == "theirs" else 200


async def test_nobody_may_anything_but_log_in(plant: Access) -> None:
    async with httpx.AsyncClient(base_url=f"{plant.address}api/v1", timeout=20) as client:
        assert {name: await _status(plant, client, name) for name in MATRIX} == dict.fromkeys(MATRIX, 401)
        assert (await client.get("/login")).json()["required"] is True
        assert (await client.get(f"{plant.address}live")).status_code == 200
        assert (await client.get(f"{plant.address}ready")).status_code == 200


async def test_a_stream_ends_with_the_token_or_the_session_that_it_began_with(plant: Access) -> None:
    path = plant.settings.data_dir / FILE_NAME
    soon = datetime.now(UTC) + timedelta(seconds=3)
    revoked, kept = make_token("revoked", [Role.OPERATOR], None, None)
    expiring, until_soon = make_token("expiring", [Role.OPERATOR], None, soon)
    for entry in (kept, until_soon):
        add_token(path, entry)
    # as the provider's login makes it: of no token
    somebody = new_session(Principal("ana", frozenset({Role.OPERATOR}), None, "oidc"), soon.timestamp())
    sessions = Sessions(secret_in(plant.settings.data_dir))
    began = time.monotonic()
    async with (
        plant.client() as leaving,
        _stream(plant, headers={"Authorization": f"Bearer {revoked}"}) as of_revoked,
        _stream(plant, headers={"Authorization": f"Bearer {expiring}"}) as of_expiring,
        _stream(plant, cookies={COOKIE: sessions.cookie(somebody)}) as of_somebody,
        _stream(plant, headers={"Authorization": f"Bearer {plant.tokens[Role.OPERATOR, 'all']}"}) as staying,
    ):
        await leaving.post("/login", json={"token": plant.tokens[Role.OPERATOR, "all"]})
        async with _stream(plant, cookies=dict(leaving.cookies)) as of_session:
            first = [await anext(one) for one in (of_revoked, of_expiring, of_somebody, of_session, staying)]
            assert [name for name, _ in first] == ["heartbeat"] * 5
            path.write_text("".join(line for line in path.read_text().splitlines(True) if kept.sha256 not in line))
            assert (await leaving.post("/logout", headers={"X-Ironstream": "1"})).status_code == 204
            async with asyncio.timeout(30):
                for events in (of_revoked, of_expiring, of_somebody, of_session):
                    assert {name async for name, _ in events} <= {"heartbeat"}
        assert time.monotonic() - began < 2 * HEARTBEAT_S + 3
        # the others go on
        assert [(await anext(staying))[0] for _ in range(2)] == ["heartbeat"] * 2
    async with httpx.AsyncClient(cookies={COOKIE: sessions.cookie(somebody)}) as gone:
        assert (await gone.get(f"{plant.address}api/v1/stream")).status_code == 401


@asynccontextmanager
async def _stream(plant: Access, **who: Any) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    """The events that somebody gets."""
    async with (
        httpx.AsyncClient(base_url=f"{plant.address}api/v1", timeout=20, **who) as client,
        client.stream("GET", "/stream") as answer,
    ):
        assert answer.status_code == 200
        yield events_of(answer)


async def test_an_admin_makes_a_token_sees_who_has_one_and_takes_it_back(plant: Access) -> None:
    expires = (datetime.now(UTC) + timedelta(days=9)).isoformat(timespec="seconds")
    async with plant.as_(Role.ADMIN) as admin, plant.client() as panel:
        asked = {"name": "panel-9", "roles": ["operator"], "tenants": ["acme"], "expires": expires}
        made = (await admin.post("/tokens", json=asked)).json()
        panel.headers["Authorization"] = f"Bearer {made['token']}"
        me = (await panel.get("/me")).json()
        assert me == {"name": "panel-9", "roles": ["operator"], "tenants": ["acme"]}

        listed = await admin.get("/tokens")
        one = next(one for one in listed.json()["items"] if one["id"] == made["id"])
        assert datetime.fromisoformat(one.pop("expires")) == datetime.fromisoformat(expires)
        assert datetime.fromisoformat(one.pop("created"))
        assert one == {"id": made["id"], "name": "panel-9", "roles": ["operator"], "tenants": ["acme"], "holds": True}
        assert hash_of(made["token"]) not in listed.text
        assert made["token"] not in listed.text

        assert (await admin.delete(f"/tokens/{made['id']}")).json()["holds"] is False
        assert (await panel.get("/me")).status_code == 401
        assert (await admin.delete(f"/tokens/{made['id']}")).status_code == 404
        assert (await admin.post("/tokens", json=asked | {"expires": "2001-01-01T00:00:00Z"})).status_code == 400
        items = (await admin.get("/audit?kind=web&limit=1000")).json()["items"]
    told = [one["record"] for one in items if "/tokens" in one["record"]["action"]]
    details = {one["detail"]: one["request"] for one in told if one["outcome"] == "done"}
    assert details[f"token {made['id']}"] == asked
    assert f"token {made['id']} of panel-9" in details
    assert made["token"] not in json.dumps(items)


async def test_nothing_of_another_tenant_is_in_any_answer(plant: Access) -> None:
    async with plant.as_(Role.ADMIN, "theirs") as client:
        for name, rule in MATRIX.items():
            if rule.body is None and not rule.of_tenant and not rule.whole:
                text = (await client.get(rule.path)).text
                assert "acme" not in text, f"{name}: {text[:500]}"
                assert "pump-1" not in text, f"{name}: {text[:500]}"
    async with plant.as_(Role.ADMIN, "mine") as client:
        items = (await client.get("/dlq/dlq.invalid_telemetry")).json()["items"]
        assert {one["key"] for one in items} == {"acme/north/pump-1"}


async def test_names_that_devices_made_up_are_text_in_json_and_nothing_else(plant: Access) -> None:
    async with plant.as_(Role.ADMIN) as client:
        answer = await client.get("/dlq/dlq.invalid_telemetry")
        one = next(one for one in answer.json()["items"] if one["key"] == f"acme/{SCRIPT}/pump-1")
        whole = await client.get(f"/dlq/dlq.invalid_telemetry/{one['partition']}/{one['offset']}")

    for got in (answer, whole):
        assert got.headers["content-type"] == "application/json"
        assert got.headers["x-content-type-options"] == "nosniff"
        assert "script-src" not in got.headers["content-security-policy"]
    assert whole.json()["hex"] == "00 ff"
    assert whole.json()["text"] == "\0\ufffd"


@pytest.mark.parametrize(
    "path",
    [
        "/dlq/..%2F..%2Fetc%2Fpasswd", "/dlq/config.topology", "/dlq/dlq.sinks/99/0", "/dlq/dlq.sinks/0/999999999",
        "/dlq/dlq.invalid_telemetry/0/-1", f"/dlq/{SCRIPT}", "/topology/versions/99", "/tables/..%2Fsecret",
        f"/alarms/acme/{SCRIPT}/x/y/z", "/alarms/%00/journal", "/assets/acme/..%2F..%2Fetc/x", "/topology/versions/0",
        "/dlq/dlq.invalid_telemetry?cursor=x", "/dlq/dlq.invalid_telemetry?cursor=bnVsbA", "/audit?cursor=e30x",
        "/dlq/reasons?from=yesterday", "/dlq/reasons?from=1970-01-01T00:00:00Z&to=9999-12-31T23:59:59Z&bucket_s=1",
        "/ledger?from=0001-01-01T00:00:00Z", "/ledger?tenant=../..", "/stream?series=a&series=%3Cscript%3E",
    ],
)  # fmt: skip
async def test_what_is_asked_for_in_bad_faith_is_refused_or_answered_in_order(plant: Access, path: str) -> None:
    async with plant.as_(Role.ADMIN) as client:
        answer = await client.get(path)

    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


async def test_a_reading_is_replayed_after_the_topology_was_mended_and_counts_once(plant: Access) -> None:
    now_us = time.time_ns() // 1000
    await plant.send(plant.readings(TEMPERATURE, [777.0], now_us))
    async with plant.as_(Role.ENGINEER) as client:

        async def refused() -> Any:
            items = (await client.get("/dlq/dlq.invalid_telemetry?reason=range")).json()["items"]
            return next((one for one in items if one["detail"].endswith("value 777")), None)

        letter = await until(refused)
        asked = {name: letter[name] for name in ("topic", "partition", "offset")}
        await _apply(plant, client, "max: 200", "max: 888")
        for _ in range(2):
            answer = await client.post("/dlq/replay", json=asked)
            assert answer.json() == {"replayed": 1, "skipped": [], "more": False}

        async def settled() -> Any:
            found = (await client.get("/ledger?tenant=acme")).json()
            one = _of(found, "temperature")
            return found if one["duplicate"] and not one["pending"] else None

        found = await until(settled)
        await client.post("/topology/rollback", json={"version": 1, "reason": "as it was"})
        await _holds(client, "as it was")
    one = _of(found, "temperature")
    assert one["duplicate"] == 1
    assert found["explained"] is True
    clean = [json.loads(value) for value in await _values(plant, Topic.TELEMETRY_CLEAN)]
    assert [one["parameter"] for one in clean if one["value"] == 777] == ["temperature"]


async def test_a_version_is_gone_back_to_and_every_change_is_on_the_trail(plant: Access) -> None:
    async with plant.as_(Role.ENGINEER) as client, plant.as_(Role.ADMIN) as admin:
        reason = await _apply(plant, client, "max: 200", "max: 999")
        number = (await _holds(client, reason))["version"]
        difference = (await client.get(f"/topology/diff?from=1&to={number}")).json()
        assert [(one["kind"], one["change"]) for one in difference["items"]] == [("parameter", "changed")]
        assert [line[:1] for line in difference["text"].splitlines() if "max: " in line] == ["-", "+"]
        files = (await client.get(f"/topology/versions/{number}")).json()["files"]
        assert ["max: 999" in text for text in files.values()] == [True]

        refused = await admin.post("/topology/rollback", json={"version": 4_711, "reason": "none such"})
        assert refused.status_code == 404
        back = (await client.post("/topology/rollback", json={"version": 1, "reason": "too wide"})).json()
        assert (back["version"], back["change"]["action"], back["change"]["author"]) == (1, "rollback", "engineer-all")
        await _holds(client, "too wide")
        items = (await admin.get("/audit?kind=web&limit=1000")).json()["items"]
    told = [one["record"] for one in items if one["record"]["action"] == "POST /api/v1/topology/rollback"]
    done = next(one for one in told if (one["request"] or {}).get("reason") == "too wide")
    assert (done["actor"], done["outcome"], done["address"]) == ("engineer-all", "done", "127.0.0.1")
    assert any(one["outcome"] == "refused" and one["actor"] == "admin-all" for one in told)


async def test_a_version_that_this_release_refuses_is_not_gone_back_to(plant: Access) -> None:
    text = plant.settings.topology.read_bytes().replace(b"max_rate: 500", b"most_rate: 500")
    async with TopologyLog(plant.settings) as log:
        await log.catch_up()
        # as a release that knew this field has written it
        refused = await write_version(log, Sources.single(text), "somebody", "an older release")
    async with plant.as_(Role.ENGINEER) as client:
        before = (await client.get("/topology")).json()

        async def told() -> Any:
            answer = await client.post("/topology/rollback", json={"version": refused.number, "reason": "back"})
            return None if answer.status_code == 404 else answer

        answer = await until(told)
        after = (await client.get("/topology")).json()
        difference = (await client.get(f"/topology/diff?from={before['version']}&to={refused.number}")).json()
    assert answer.status_code == 409
    assert "most_rate" in answer.json()["detail"]
    assert "most_rate" in difference["plan_error"]
    assert after == before


async def _apply(plant: Access, client: httpx.AsyncClient, before: str, after: str) -> str:
    """Apply the topology with a change, and wait until all have it; the reason that was given."""
    path, reason = plant.settings.topology.with_name(f"{uuid.uuid4().hex}.yaml"), f"now {after}"
    path.write_text(plant.settings.topology.read_text().replace(before, after))
    command = ("ironstream.cli", "apply", str(path), "--reason", reason, "--wait")
    done = Worker(plant.processes.environment(), path.with_suffix(".log"), command)
    assert await done.exit(40) == 0, done.last_words()
    await _holds(client, reason)
    return reason


async def _holds(client: httpx.AsyncClient, reason: str) -> Any:
    """What holds, once the change with this reason does."""

    async def there() -> Any:
        found = (await client.get("/topology")).json()
        return found if found["change"]["reason"] == reason else None

    return await until(there)


def _of(ledger: Any, parameter: str) -> Any:
    return next(one for one in ledger["items"] if one["parameter"] == parameter)


async def test_the_graph_names_what_runs_and_how_far_behind_it_is(plant: Access) -> None:
    async with plant.as_(Role.OPERATOR) as client:
        await plant.send(plant.readings(SPEED, [20.0] * 60, time.time_ns() // 1000, 1000))

        async def flowing() -> Any:
            found = (await client.get("/topology/graph")).json()
            rates = {one["id"]: one["rate"] for one in found["nodes"]}
            raw, clean = rates["topic:telemetry.raw"], rates["topic:telemetry.clean"]
            return found if min(raw or 0, clean or 0) >= 1 else None

        graph = await until(flowing)
        participants = (await client.get("/topology/participants")).json()["items"]

    nodes = {one["id"]: one for one in graph["nodes"]}
    assert nodes["agent:telemetry"]["health"] == "ok"
    assert nodes["agent:telemetry"]["lag"] is not None
    # 60 readings, and a few of other tests; the ticks of the engine are many more, and no readings
    assert 1 <= nodes["topic:telemetry.raw"]["rate"] <= 1.5
    assert 1 <= nodes["topic:telemetry.clean"]["rate"] <= 1.5
    assert any(one.key == CONTROL_KEY for one in await plant.processes.read(Topic.EVENTS_RAW))
    assert nodes["topic:events.raw"]["rate"] == 0
    assert {"from": "topic:telemetry.raw", "to": "agent:telemetry", "rate": None} in graph["edges"]
    clean = {"from": "agent:telemetry", "to": "topic:telemetry.clean", "rate": nodes["topic:telemetry.clean"]["rate"]}
    assert clean in graph["edges"]
    assert [one["role"] for one in participants] == ["worker"]


async def test_the_ledger_accounts_for_what_was_sent(plant: Access) -> None:
    async with plant.as_(Role.OPERATOR) as client:

        async def settled() -> Any:
            found = (await client.get("/ledger?tenant=acme")).json()
            return found if not _of(found, "temperature")["pending"] else None

        found = await until(settled)
    one = _of(found, "temperature")
    assert one["sent"] >= 2
    assert one["raw"] == one["clean"] + one["duplicate"] + sum(one["refused"].values())
    assert set(one["refused"]) == {"range"}
    assert found["explained"] is True
    assert found["covers"]["records"] > 0


async def test_no_token_is_in_any_log(plant: Access) -> None:
    wrong = "ist_" + uuid.uuid4().hex
    async with httpx.AsyncClient(base_url=f"{plant.address}api/v1", timeout=20) as client:
        await client.post("/login", json={"token": wrong})
        await client.get("/me", headers={"Authorization": f"Bearer {wrong}"})
        await client.get(f"/login/oidc/callback?code={wrong}&state=x")
        await client.post("/login", json={"token": plant.tokens[Role.OPERATOR, "all"]})
    log = (plant.settings.data_dir.parent / "web.log").read_text()
    trail = b"".join(await _values(plant, Topic.AUDIT_TRAIL))

    for secret in (wrong, *plant.tokens.values()):
        assert secret not in log
        assert secret.encode() not in trail


async def _values(plant: Access, topic: str) -> list[bytes]:
    """The values of all records of a topic."""
    return [record.value or b"" for record in await plant.processes.read(topic)]
