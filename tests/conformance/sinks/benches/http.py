"""Receivers of messages that honour ids, and a PagerDuty that keeps its alerts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ironstream.sinks.pagerduty.config import PagerDutyConfig
from ironstream.sinks.pagerduty.sink import PagerDutySink
from ironstream.sinks.registry import SINKS
from ironstream.sinks.sink import Sink, SinkKind
from tests.conformance.sinks.benches.bench import SinkBench, ids_of
from tests.conformance.sinks.log import Clean, whole_log
from tests.support.clean_log import CLEAN
from tests.support.engine import MemoryRecord, record
from tests.support.http_target import LOOPBACK, OK, Got, HttpTarget, Reply
from tests.support.telemetry import START_US

_REFUSED_ID = "refuse/me"


class CloudApiBench(SinkBench):
    kind = "cloud-api"
    topics = CLEAN
    secrets = ("a-bearer-token-of-the-plant", "a-signing-key-of-the-plant", "a-header-that-nobody-may-see")

    async def start(self) -> None:
        self.target = await self.stack.enter_async_context(HttpTarget(self.answer))
        self._port = await self.through_proxy(int(self.target.origin.rpartition(":")[2]))

    def answer(self, got: Got) -> Reply:
        """How the target answers."""
        return Reply(422, {"error": "no such asset"}) if _REFUSED_ID in got.ids else OK

    def config(self) -> Mapping[str, Any]:
        token, key, header = self.secrets
        return LOOPBACK | {
            "url": f"http://127.0.0.1:{self._port}/ingest",
            "token": token,
            "signing_keys": [key],
            "headers": {"X-Api-Key": header},
            "connect_timeout_s": 2.0,
            "timeout_s": 5.0,
        }

    def sink_kind(self) -> SinkKind:
        return SINKS[self.kind]

    async def held(self) -> Any:
        return sorted(self.target.stored)

    def wanted(self, log: Clean) -> Any:
        return sorted({one for parts in log.values() for records in parts.values() for one in ids_of(records)})

    async def refuse(self) -> tuple[str, MemoryRecord]:
        return self.topics[-1], record(500, b"k", b'{"asset_id": "x"}', 0, [("ironstream-id", _REFUSED_ID.encode())])


class WebhookBench(CloudApiBench):
    kind = "webhook"
    topics = ("alarms.clean",)


class PagerDutyBench(SinkBench):
    kind = "pagerduty"
    topics = ("alarms.clean",)
    secrets = ("r0uting-key-of-thirty-two-signs-",)

    async def start(self) -> None:
        self._alerts: dict[str, str] = {}
        target = await self.stack.enter_async_context(HttpTarget(self._answer))
        self._port = await self.through_proxy(int(target.origin.rpartition(":")[2]))

    def _answer(self, got: Got) -> Reply:
        key, action = got.json["dedup_key"], got.json["event_action"]
        if key == _REFUSED_ID:
            return Reply(400, {"status": "invalid event", "errors": ["'payload.summary' is missing"]})
        if action == "trigger":
            self._alerts.setdefault(key, "triggered")
        elif action == "acknowledge" and key in self._alerts:
            self._alerts[key] = "acknowledged"
        elif action == "resolve":
            self._alerts.pop(key, None)
        return Reply(202, {"status": "success"})

    def config(self) -> Mapping[str, Any]:
        url = f"http://127.0.0.1:{self._port}/v2/enqueue"
        given = {"url": url, "routing_key": self.secrets[0], "connect_timeout_s": 2.0, "timeout_s": 5.0}
        return LOOPBACK | given

    def build(self) -> Sink[Any]:
        # in the log's own days: it pages nobody for what is long over
        return PagerDutySink(PagerDutyConfig.model_validate(self.config()), clock=lambda: START_US / 1e6)

    def sink_kind(self) -> SinkKind:
        return SINKS[self.kind]

    async def held(self) -> Any:
        return dict(sorted(self._alerts.items()))

    def wanted(self, log: Clean) -> Any:
        states: dict[str, str] = {}
        for records in log["alarms.clean"].values():
            for one in records:
                said = msgspec.json.decode(one.value or b"")
                states[said["occurrence_id"]] = said["state"]
        return {one: "triggered" for one, state in sorted(states.items()) if state == "ACTIVE"}

    async def refuse(self) -> tuple[str, MemoryRecord]:
        said = msgspec.json.decode(whole_log()["alarms.clean"][0][0].value or b"")
        body = msgspec.json.encode(said | {"occurrence_id": _REFUSED_ID, "state": "ACTIVE"})
        return "alarms.clean", record(500, b"k", body, 0)
