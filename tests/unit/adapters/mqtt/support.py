"""Messages and interpreters for the tests of the MQTT adapter."""

from __future__ import annotations

from typing import Any

from adapters.mqtt.config import MqttConfig
from adapters.mqtt.harvest import Harvest, Interpreter
from adapters.mqtt.inbox import Message
from ironstream.gateway.adapter import Sample

NOW_US = 1_736_510_463_000_000


def config(**fields: Any) -> MqttConfig:
    return MqttConfig.model_validate({"host": "broker", "client_id": "c", **fields})


def message(topic: str, payload: bytes | str, **fields: Any) -> Message:
    data = payload.encode() if isinstance(payload, str) else payload
    base: dict[str, Any] = {"qos": 1, "received_us": NOW_US}
    return Message(topic, data, **(base | fields))


def told(interpreter: Interpreter, topic: str, payload: bytes | str, now_s: float = 0.0, **fields: Any) -> Harvest:
    harvest = Harvest()
    interpreter.interpret(message(topic, payload, **fields), harvest, now_s)
    return harvest


def values(harvest: Harvest) -> dict[str, Any]:
    return {sample.point.key: sample.value for sample in harvest.samples}


def only(harvest: Harvest) -> Sample:
    (sample,) = harvest.samples
    return sample
