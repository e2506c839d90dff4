"""The `source` and `mapping` of CONFIG_JSON turned into the adapter's own config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ironstream.errors import ConfigurationError

_RENAMED = {"broker": "host", "mqtt_host": "host", "mqtt_port": "port", "user": "username"}
_SCHEMES = {
    "mqtt": (1883, False, "tcp"),
    "mqtts": (8883, True, "tcp"),
    "ws": (80, False, "websockets"),
    "wss": (443, True, "websockets"),
}
_TYPES = {"float": "number", "double": "number", "int": "number", "boolean": "bool", "string": "text"}


def mqtt_from_mapping(source: Mapping[str, Any], mapping: Mapping[str, Any]) -> dict[str, Any]:
    """What MqttConfig reads, from `source` (host or url, client_id, any other field) and `mapping`.

    `mapping.topics` names topics: one without wildcards gives tags ({"param": …}, or a list of them), one with `+`, `#`
    or {names} a pattern. `mapping.sparkplug` is that of the config. Raises ConfigurationError naming every fault.
    """
    faults: list[str] = []
    config: dict[str, Any] = {_RENAMED.get(key, key): value for key, value in source.items() if key != "url"}
    if "url" in source:
        config = {**_from_url(source["url"], faults), **config}
    topics = mapping.get("topics", {})
    sparkplug = mapping.get("sparkplug")
    if not isinstance(topics, Mapping):
        faults.append("mapping.topics: must be an object of topics")
        topics = {}
    if not topics and sparkplug is None and not faults:
        faults.append("mapping.topics: is missing or empty")
    tags: list[dict[str, Any]] = []
    rules: list[dict[str, Any]] = []
    for topic, entry in topics.items():
        entries = entry if isinstance(entry, list) else [entry]
        if not entries or not all(isinstance(one, Mapping) for one in entries):
            faults.append(f"mapping.topics.{topic}: must be an object, or a list of objects")
        elif set("+#{") & set(topic):
            rules += [{"pattern": topic, **one} for one in entries]
        else:
            tags += [{"topic": topic, **_tag(one)} for one in entries]
    if faults:
        raise ConfigurationError(
            "\n".join(faults), 'give at least one topic, such as {"tank/1/level": {"param": "level", "unit": "m"}}'
        )
    if tags:
        config["tags"] = tags
    if rules:
        config["topics"] = rules
    if sparkplug is not None:
        config["sparkplug"] = sparkplug
    return config


def _from_url(url: object, faults: list[str]) -> dict[str, Any]:
    try:
        parts = urlsplit(str(url))
        port = parts.port
    except ValueError:
        faults.append("source.url: is no address")
        return {}
    if parts.scheme not in _SCHEMES or not parts.hostname or parts.username is not None:
        # the text itself may hold a password
        faults.append("source.url: must be mqtt://host:port, mqtts://, ws:// or wss://, without a user")
        return {}
    default_port, tls, transport = _SCHEMES[parts.scheme]
    config: dict[str, Any] = {"host": parts.hostname, "port": port or default_port, "transport": transport}
    if tls:
        config["tls"] = {}
    if transport == "websockets" and parts.path:
        config["websocket_path"] = parts.path
    return config


def _tag(entry: Mapping[str, Any]) -> dict[str, Any]:
    tag = {"name" if key == "param" else key: value for key, value in entry.items()}
    if isinstance(tag.get("type"), str):
        tag["type"] = _TYPES.get(tag["type"].lower(), tag["type"].lower())
    return tag
