"""What else comes: events of the machines, alarms of their own controllers, and what operators ask for."""

from __future__ import annotations

import json
import random
from typing import Any, Final

from tests.support.faults.load import Message, iso, key_of
from tests.support.faults.plant import ALARMS, EVENT_ALARMS, SITE, alarm_id, asset_name

_NO_EVENTS: Final = (
    b"", b"{", b"[]", b"\xff", b"\x00abcde", b"[" * 20_000, b'{"asset_id":"machine-000"}', b'{"type":"mode","to":"x"}',
    b'{"asset_id":"a b","type":"mode","to":"x","timestamps":{"device_time":1700000000}}',
    b'{"asset_id":"machine-000","type":"mode","to":"x","timestamps":{}}',
    b'{"asset_id":"machine-000","type":"mode","to":"x","timestamps":{"device_time":"now"}}',
    b'{"asset_id":"machine-000","type":"mode","to":NaN,"timestamps":{"device_time":1700000000}}',
)  # fmt: skip
_NO_ALARMS: Final = (
    b"", b"{", b"[]", b"\xff", b"\x00abcde", b'{"kind":"what"}', b'{"kind":"command"}', b'{"asset_id":"machine-000"}',
    b'{"asset_id":"machine-000","type":"leak","state":"MAYBE"}',
    b'{"asset_id":"machine-000","type":"leak","state":"ACTIVE","severity":"BAD"}',
)  # fmt: skip
_COMMANDS: Final = (
    "ack", "ack", "ack", "shelve", "one-shot", "unshelve", "comment", "suppress", "asset", "release",
)  # fmt: skip
_MODES: Final = ("auto", "manual", "tripped", "auto")


class Signals:
    """The other two raw topics; the same seed and times give the same bytes."""

    def __init__(self, assets: int, seed: int) -> None:
        self._assets = assets
        self._seed = seed
        self._random = random.Random(seed + 1)
        self._commands: list[dict[str, Any]] = []
        self._held: list[tuple[int, Message]] = []

    def events(self, now_us: int) -> list[Message]:
        """For events.raw: changes of mode, some of them twice, late, or with no time of the device; and no events."""
        rnd = self._random
        due = [message for at, message in self._held if at <= now_us]
        self._held = [(at, message) for at, message in self._held if at > now_us]
        if rnd.random() < 0.4:
            asset, key = self._asset()
            stamps = {"device_time": iso(now_us), "gateway_time": iso(now_us + rnd.choice([5_000, 9_000_000]))}
            body: dict[str, Any] = {"asset_id": asset, "site_id": SITE, "type": "mode", "to": rnd.choice(_MODES)}
            body["timestamps"] = stamps
            chance = rnd.random()
            if chance < 0.1:
                body["from"] = rnd.choice(_MODES)
            elif chance < 0.15:
                body |= {"to": rnd.choice([1, True, 2.5, {"deep": [1]}]), "shift": "early"}
            elif chance < 0.2:
                del stamps["device_time"]
            elif chance < 0.23:
                stamps["gateway_time"] = iso(now_us - rnd.choice([-40 * 86_400, 7200]) * 1_000_000)
            message = Message(key, key, json.dumps(body).encode())
            if chance > 0.9:
                self._held.append((now_us + rnd.randrange(100_000, 6_000_000), message))
            else:
                due += [message] * rnd.choice([1, 1, 1, 2])
        if rnd.random() < 0.02:
            key = self._asset()[1]
            due.append(Message(key, rnd.choice([key, None]), rnd.choice([None, *_NO_EVENTS])))
        return due

    def alarms(self, now_us: int) -> list[Message]:
        """For alarms.raw: operators' commands, alarms of controllers, and what is neither."""
        rnd, due = self._random, []
        if rnd.random() < 0.3:
            due.append(self._command(now_us))
        if rnd.random() < 0.1:
            asset, key = self._asset()
            body = {"asset_id": asset, "site_id": SITE, "type": "leak", "state": rnd.choice(["ACTIVE", "CLEARED"]),
                    "severity": rnd.choice(["LOW", "HIGH"]), "timestamps": {"device_time": iso(now_us)},
                    "latched": rnd.random() < 0.3}  # fmt: skip
            body |= {"kind": "alarm"} if rnd.random() < 0.5 else {"metadata": {"adapter_id": "plc"}}
            due.append(Message(key, key, json.dumps(body).encode()))
        if rnd.random() < 0.02:
            key = self._asset()[1]
            due.append(Message(key, rnd.choice([key, None]), rnd.choice([None, *_NO_ALARMS])))
        return due

    def _asset(self) -> tuple[str, bytes]:
        asset = asset_name(self._random.randrange(self._assets))
        return asset, key_of(asset)

    def _alarm(self) -> str:
        asset = self._asset()[0]
        names = [(one.condition.name, one.parameter) for one in ALARMS] + [(one.name, "-") for one in EVENT_ALARMS]
        return alarm_id(asset, *self._random.choice(names))

    def _command(self, now_us: int) -> Message:
        """Whatever state the alarm is in; some come twice, some are impossible."""
        rnd = self._random
        if self._commands and rnd.random() < 0.15:
            body = rnd.choice(self._commands[-20:])
        else:
            body = self._new_command(now_us)
            self._commands.append(body)
        key = key_of(body["asset_id"])
        return Message(key, key, json.dumps(body).encode())

    def _new_command(self, now_us: int) -> dict[str, Any]:
        rnd = self._random
        alarm = self._alarm()
        body: dict[str, Any] = {
            "kind": "command", "command_id": f"{self._seed}-{len(self._commands)}", "actor": "operator",
            "site_id": SITE, "asset_id": alarm.split("/")[2], "alarm_id": alarm,
        }  # fmt: skip
        until = iso(now_us + rnd.randrange(1, 9) * 1_000_000)
        why = {"reason": "bearing ordered", "comment": "change on Friday"}
        kind = rnd.choice(_COMMANDS)
        if kind == "shelve":
            body |= {"command": "shelve", "until": until} | (why if rnd.random() < 0.9 else {})
        elif kind == "one-shot":
            body |= {"command": "shelve"} | why
        elif kind == "comment":
            body |= {"command": "comment"} | (why if rnd.random() < 0.9 else {})
        elif kind == "suppress":
            body |= {"command": "suppress", "until": until}
        elif kind in ("asset", "release"):
            del body["alarm_id"]
            body |= {"command": "suppress", "until": until} if kind == "asset" else {"command": "unshelve"}
        else:
            body["command"] = kind if rnd.random() < 0.98 else "dance"
        return body
