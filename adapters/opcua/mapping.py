"""The `source` and `mapping.nodes` form of CONFIG_JSON turned into the adapter's own config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ironstream.errors import ConfigurationError

_RENAMED: Final = {"opcua_endpoint": "endpoint", "url": "endpoint", "endpoint_url": "endpoint", "user": "username"}
_UNITS: Final = {
    "publishing_interval_ms": "publishing_interval_s",
    "sampling_interval_ms": "sampling_interval_s",
    "timeout_ms": "timeout_s",
}


def opcua_from_mapping(source: Mapping[str, Any], mapping: Mapping[str, Any]) -> dict[str, Any]:
    """What OpcUaConfig reads, from `source` (opcua_endpoint, username, any other field of the config) and
    `mapping.nodes`, such as `{"ns=2;s=Pump.Pressure": {"param": "pressure", "unit": "bar"}}`.

    A node may also be mapped to the name of its parameter alone. Raises ConfigurationError naming every fault.
    """
    nodes = mapping.get("nodes", {})
    faults: list[str] = []
    tags: list[dict[str, Any]] = []
    if not isinstance(nodes, Mapping):
        raise ConfigurationError(
            "mapping.nodes: must be an object", 'such as {"ns=2;s=Pressure": {"param": "pressure"}}'
        )
    for node, entry in nodes.items():
        if isinstance(entry, str):
            tags.append({"node": node, "name": entry})
        elif isinstance(entry, Mapping):
            tags.append({"node": node, **_tag(entry)})
        else:
            faults.append(f"mapping.nodes.{node}: must be the name of a parameter, or an object with param")
    if not nodes and not mapping.get("alarms"):
        faults.append("mapping.nodes: is missing or empty")
    if faults:
        raise ConfigurationError("\n".join(faults), "mend the nodes named above")
    config = {**_in_seconds({_RENAMED.get(key, key): value for key, value in source.items()}), "tags": tags}
    if "alarms" in mapping:
        config["alarms"] = mapping["alarms"]
    return config


def _tag(entry: Mapping[str, Any]) -> dict[str, Any]:
    # the type is the server's to say
    return _in_seconds({("name" if key == "param" else key): value for key, value in entry.items() if key != "type"})


def _in_seconds(fields: Mapping[str, Any]) -> dict[str, Any]:
    seconds: dict[str, Any] = {}
    for key, value in fields.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if key in _UNITS and number:
            seconds[_UNITS[key]] = value / 1000
        else:
            seconds[key] = value
    return seconds
