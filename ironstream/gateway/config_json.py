"""CONFIG_JSON: the whole configuration of one adapter as base64 of a JSON object, for containers."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ironstream.contract import DEFAULT_PART
from ironstream.errors import ConfigurationError
from ironstream.gateway.adapter import AdapterKind
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.settings import GatewaySettings

_HINT = "CONFIG_JSON is base64 of a JSON object with pipeline_id, protocol, source, mapping and output"


def read_config_json(
    text: str, adapters: Mapping[str, AdapterKind], settings: GatewaySettings
) -> tuple[PipelineSpec, GatewaySettings]:
    """The pipeline, and `settings` with what CONFIG_JSON says of Kafka (output.kafka_bootstrap) and retries.

    `config` may stand in place of `source` and `mapping`: it is then the adapter's own configuration. Raises
    ConfigurationError naming every fault.
    """
    document = _document(text)
    faults: list[str] = []
    pipeline_id = _text(document, "pipeline_id", faults)
    protocol = _text(document, "protocol", faults).replace("_", "-")
    output = _object(document, "output", faults)
    asset_id = output.get("asset_id") or document.get("asset_id") or pipeline_id
    topic = output.get("topic", "telemetry.raw")
    if topic != "telemetry.raw":
        faults.append(f"output.topic: {topic!r} must be telemetry.raw; a prefix is a setting of the deployment")
    interval_ms = document.get("poll_interval_ms", 1000)
    if isinstance(interval_ms, bool) or not isinstance(interval_ms, int | float) or interval_ms <= 0:
        faults.append("poll_interval_ms: must be a number of milliseconds above 0")
        interval_ms = 1000
    kind = adapters.get(protocol)
    if protocol and kind is None:
        faults.append(f"protocol: there is no adapter {protocol!r}; there are: {', '.join(sorted(adapters))}")
    config: dict[str, Any] = {}
    if "config" in document:
        config = dict(_object(document, "config", faults))
    elif kind is not None:
        source, mapping = _object(document, "source", faults), _object(document, "mapping", faults)
        try:
            config = kind.from_mapping(source, mapping)
        except ConfigurationError as error:
            faults += error.message.splitlines()
    if faults:
        raise ConfigurationError("\n".join(faults), _HINT)
    pipeline = PipelineSpec(
        id=pipeline_id,
        adapter=protocol,
        asset_id=str(asset_id),
        config=config,
        tenant_id=str(document.get("tenant_id", DEFAULT_PART)),
        site_id=str(document.get("site_id", DEFAULT_PART)),
        poll_interval_s=interval_ms / 1000,
        adapter_id=str(document.get("adapter_id", "")),
    )
    bootstrap = output.get("kafka_bootstrap")
    if bootstrap:
        settings = replace(settings, bootstrap_servers=str(bootstrap))
    retry = document.get("retry_policy")
    backoff_ms = retry.get("backoff_ms") if isinstance(retry, Mapping) else None
    if isinstance(backoff_ms, int | float) and backoff_ms > 0:
        settings = replace(settings, backoff_initial_s=backoff_ms / 1000)
    return pipeline, settings


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        # the text itself may hold secrets: only the kind of fault is told
        raise ConfigurationError(f"CONFIG_JSON is not base64 of JSON ({type(error).__name__})", _HINT) from None
    if not isinstance(document, dict):
        raise ConfigurationError("CONFIG_JSON is not a JSON object", _HINT)
    return document


def _text(document: Mapping[str, Any], field: str, faults: list[str]) -> str:
    value = document.get(field)
    if isinstance(value, str) and value:
        return value
    faults.append(f"{field}: is missing or not text")
    return ""


def _object(document: Mapping[str, Any], field: str, faults: list[str]) -> Mapping[str, Any]:
    value = document.get(field, {})
    if isinstance(value, Mapping):
        return value
    faults.append(f"{field}: must be an object")
    return {}
