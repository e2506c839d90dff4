"""`inputs.opcua` and `inputs.opcua_listener` as a pipeline of opcua. Pure."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from adapters.opcua.config import Tag
from adapters.opcua.nodes import parse_node
from ironstream.telegraf.device import Device, Options, plain
from ironstream.telegraf.names import identity
from ironstream.telegraf.source import Table, seconds_of

_POLICIES: Final = {
    "none": "none", "auto": "auto", "basic256sha256": "Basic256Sha256",
    "aes128_sha256_rsaoaep": "Aes128Sha256RsaOaep", "aes256_sha256_rsapss": "Aes256Sha256RsaPss",
}  # fmt: skip
_TRIGGERS: Final = {
    "status": "status", "statusvalue": "status_value", "statusvaluetimestamp": "status_value_timestamp",
}  # fmt: skip
_TIMES: Final = {"server": "server", "source": "source"}


def opcua_device(section: Table, options: Options, interval_s: float, *, listens: bool) -> Device | None:
    """The pipeline of one plugin; None where nothing of it can be read. All that is left out is noted.

    A password is never taken over: the pipeline has a `${secret:…}` in its place.
    """
    endpoint = section.text("endpoint", "opc.tcp://localhost:4840")
    config: dict[str, Any] = {"endpoint": endpoint, "mode": "subscribe" if listens else "poll"}
    name, alias = section.text("name"), section.text("alias")
    own = alias or name or urlsplit(endpoint).hostname or ""
    device = Device(identity(own, "opcua"), "opcua", section.line, config)
    interval = section.seconds("interval", interval_s)
    if not listens:
        device.poll_interval_s = interval
    else:
        config["publishing_interval_s"] = plain(section.seconds("subscription_interval", 0.1) or 0.1)
    config["timeout_s"] = plain(section.seconds("request_timeout", 5.0) or 5.0)
    _security(section, config)
    _user(section, config, device.id)
    time = section.text("timestamp", "gather")
    if time in _TIMES:
        config["device_time"] = _TIMES[time]
    elif time != "gather":
        section.note("timestamp", f"timestamp {time!r} has no counterpart: left out")
    _nodes(section, device, identity(own, "opcua"), options, {})
    for group in section.tables("group"):
        defaults = {
            key: group.take(key) for key in ("namespace", "namespace_uri", "identifier_type", "sampling_interval")
        }
        asset = identity(group.text("name"), identity(own, "opcua"))
        _nodes(group, device, asset, options, {key: value for key, value in defaults.items() if value is not None})
        group.finish()
    section.finish()
    if not device.tags:
        section.notes.add(section.line, f"{device.id}: nothing of it can be read: no pipeline")
        return None
    return device


def _security(section: Table, config: dict[str, Any]) -> None:
    policy, mode = section.text("security_policy", "auto"), section.text("security_mode", "auto")
    ours = _POLICIES.get(policy.lower())
    if ours is None:
        section.note("security_policy", f"security_policy {policy} is broken and not spoken here: auto in its place")
        ours = "auto"
    if mode.lower() == "none" or ours == "none":
        config["security"] = "none"
    else:
        config["security"] = ours
        if ours == "auto":
            section.note("security_policy", "security auto is the strongest that is offered, and never none here")
    if mode.lower() == "sign":
        config["security_mode"] = "sign"


def _user(section: Table, config: dict[str, Any], pipeline: str) -> None:
    method = section.text("auth_method", "Anonymous").lower()
    username, password = section.text("username"), section.text("password")
    certificate, key = section.text("certificate"), section.text("private_key")
    if method == "username" and username:
        if username.startswith("@{"):
            section.note("username", f"username stands in a secret store ({username}): write the name itself")
        else:
            config["username"] = username
            if password:
                secret = identity(pipeline).replace("-", "_").replace(".", "_") + "_password"
                config["password"] = f"${{secret:{secret}}}"
                section.note("password", f"password is not taken over: give it as the secret {secret}")
    elif method == "certificate" and certificate and key:
        config |= {"user_certificate": certificate, "user_key": key}
    elif method in ("anonymous", ""):
        for given in ("username", "password"):
            if section.text(given):
                section.note(given, f"{given} is not used with auth_method Anonymous: left out")
    else:
        section.note("auth_method", f"auth_method {method} lacks what it needs: the pipeline is anonymous")
    for given, value in (("certificate", certificate), ("private_key", key)):
        if value and method != "certificate":
            section.note(given, f"{given} of this client is made in, or put into, pki_folder: left out here")


def _nodes(table: Table, device: Device, asset: str, options: Options, defaults: dict[str, Any]) -> None:
    common = _tags(table, options)
    for node in table.tables("nodes"):
        fields = {
            key: value
            for key in ("namespace", "namespace_uri", "identifier_type")
            if (value := node.take(key)) not in (None, "") or (value := defaults.get(key)) not in (None, "")
        }
        tag = {"name": node.text("name"), "node": _node_id(node, fields)}
        try:
            parse_node(tag["node"])
        except ValueError as error:
            node.notes.add(node.line, f"{tag['name']}: {error}: left out")
            continue
        tags = common | _tags(node, options)
        monitored = _monitoring(node, defaults)
        if monitored and device.config["mode"] == "poll":
            node.notes.add(node.line, "monitoring_params are of inputs.opcua_listener: left out")
            monitored = {}
        of = identity(tags.get(options.asset_tag, ""), asset)
        device.add(Tag, {**tag, **monitored}, of, node, measurement="")
        node.finish()


def _node_id(node: Table, fields: dict[str, Any]) -> str:
    whole = node.text("id")
    if whole:
        return whole
    kind, identifier = str(fields.get("identifier_type", "s")), node.text("identifier")
    uri = str(fields.get("namespace_uri", ""))
    if uri:
        return f"nsu={uri.replace('%', '%25').replace(';', '%3B')};{kind}={identifier}"
    index = str(fields.get("namespace", 0))
    return f"{kind}={identifier}" if index == "0" else f"ns={index};{kind}={identifier}"


def _monitoring(node: Table, defaults: dict[str, Any]) -> dict[str, Any]:
    """What of a node's monitoring has a counterpart."""
    found: dict[str, Any] = {}
    sampling = node.seconds("sampling_interval")
    for table in node.tables("monitoring_params"):
        sampling = table.seconds("sampling_interval", sampling)
        for key in ("queue_size", "discard_oldest"):
            if (value := table.take(key)) is not None:
                found[key] = value
        for change in table.tables("data_change_filter"):
            found |= _filter(change)
        table.finish()
    if sampling is None and "sampling_interval" in defaults:
        sampling = seconds_of(defaults["sampling_interval"])
    return found if sampling is None else {"sampling_interval_s": plain(sampling), **found}


def _filter(change: Table) -> dict[str, Any]:
    found: dict[str, Any] = {}
    trigger = change.text("trigger", "Status")
    if trigger.lower() in _TRIGGERS:
        found["trigger"] = _TRIGGERS[trigger.lower()]
    else:
        change.note("trigger", f"trigger {trigger!r} is not known: left out")
    kind, value = change.text("deadband_type", "None").lower(), change.number("deadband_value")
    if kind in ("absolute", "percent") and value is not None and value > 0:
        if found.get("trigger") == "status":
            change.note("deadband_value", "a deadband has no effect with trigger Status: left out")
        else:
            found["deadband"] = {"type": kind, "value": value}
    elif kind not in ("absolute", "percent", "none"):
        change.note("deadband_type", f"deadband_type {kind!r} is not known: left out")
    change.finish()
    return found


def _tags(table: Table, options: Options) -> dict[str, str]:
    """The tags that Telegraf puts to a node; each is noted, but the one that names the asset."""
    found: dict[str, str] = {}
    for tags in table.tables("default_tags"):
        for key in list(tags.unused()):
            found[key] = tags.text(key)
            if key != options.asset_tag:
                tags.note(key, f"the tag {key} = {found[key]!r} has no counterpart: left out")
    return found
