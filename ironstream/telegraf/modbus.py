"""`inputs.modbus` as a pipeline of modbus-tcp or modbus-rtu. Pure."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from adapters.modbus.config import Tag
from ironstream.telegraf.device import Device, Options, plain
from ironstream.telegraf.names import identity
from ironstream.telegraf.source import Table

_SPACES: Final = {
    "discrete_inputs": "discrete", "coils": "coil", "input_registers": "input", "holding_registers": "holding",
}  # fmt: skip
_TYPES: Final = {
    "INT8L", "INT8H", "UINT8L", "UINT8H", "INT16", "UINT16", "INT32", "UINT32", "INT64", "UINT64",
    "FLOAT16", "FLOAT32", "FLOAT64", "STRING", "BIT",
}  # fmt: skip
_OF_REGISTER_STYLE: Final = {"FLOAT16-IEEE": "FLOAT16", "FLOAT32-IEEE": "FLOAT32", "FLOAT64-IEEE": "FLOAT64"}
_FIXED: Final = {1: "INT16", 2: "INT32", 4: "INT64"}
_ORDERS: Final = {"": "ABCD", "AB": "ABCD", "BA": "DCBA"}
_FRAMERS: Final = {"": "socket", "auto": "socket", "TCP": "socket", "RTUoverTCP": "rtu"}
_MAX_GAP: Final = 125


def modbus_device(section: Table, options: Options, interval_s: float) -> Device | None:
    """The pipeline of one plugin; None where nothing of it can be read. All that is left out is noted."""
    connection = _connection(section)
    if connection is None:
        return None
    adapter, config = connection
    name = section.text("name")
    alias = section.text("alias")
    host = str(config.get("host") or config.get("serial_port", ""))
    device = Device(identity(alias or name or host, "modbus"), adapter, section.line, config)
    device.poll_interval_s = section.seconds("interval", interval_s)
    style = section.text("configuration_type", "register")
    units = _units(section, style)
    config["unit_id"] = units[0] if units else int(section.number("slave_id") or 0)
    _timing(section, config)
    named = _static_tags(section, silent=options.asset_tag).get(options.asset_tag, "")
    asset = identity(named or name or alias or host, "modbus")
    if style == "register":
        _registers(section, device, asset)
    elif style in ("request", "metric"):
        _requests(section, style, device, asset, options, units)
    else:
        section.note("configuration_type", f"configuration_type {style!r} is not known: nothing is read")
    section.finish()
    if not device.tags:
        section.notes.add(section.line, f"{device.id}: nothing of it can be read: no pipeline")
        return None
    return device


def _connection(section: Table) -> tuple[str, dict[str, Any]] | None:
    controller = section.text("controller")
    mode = section.text("transmission_mode")
    url = urlsplit(controller)
    try:
        port = url.port or 502
    except ValueError:
        port = 0
    if url.scheme == "tcp" and url.hostname and port:
        if mode not in _FRAMERS:
            section.note("transmission_mode", f"{mode} has no counterpart: this device is left out")
            return None
        config: dict[str, Any] = {"host": url.hostname, "port": port}
        if _FRAMERS[mode] != "socket":
            config["framer"] = _FRAMERS[mode]
        return "modbus-tcp", config
    path = url.path if url.scheme == "file" else controller if not url.scheme and controller else ""
    if not path:
        section.note("controller", f"controller {controller!r} has no counterpart: this device is left out")
        return None
    if mode not in ("", "auto", "RTU"):
        section.note("transmission_mode", f"{mode} has no counterpart: this device is left out")
        return None
    config = {"serial_port": path}
    for key, ours in (("baud_rate", "baudrate"), ("data_bits", "bytesize"), ("stop_bits", "stopbits")):
        if number := section.number(key):
            config[ours] = number
    if parity := section.text("parity"):
        config["parity"] = parity
    for table in section.tables("rs485"):
        rs485 = {
            ours: table.take(key)
            for key, ours in (
                ("rts_high_during_send", "rts_on_send"),
                ("rts_high_after_send", "rts_after_send"),
                ("rx_during_tx", "receive_while_sending"),
            )
        }
        for key, ours in (
            ("delay_rts_before_send", "delay_before_send_s"),
            ("delay_rts_after_send", "delay_after_send_s"),
        ):
            rs485[ours] = table.seconds(key)
        config["rs485"] = {key: value for key, value in rs485.items() if value is not None}
        table.finish()
    return "modbus-rtu", config


def _timing(section: Table, config: dict[str, Any]) -> None:
    config["timeout_s"] = plain(section.seconds("timeout", 1.0) or 1.0)
    retries = section.number("busy_retries")
    config["busy_retries"] = int(retries or 0)
    if (pause := section.seconds("busy_retries_wait")) is not None:
        config["busy_pause_s"] = plain(pause)
    for table in section.tables("workarounds"):
        for key in ("pause_after_connect", "pause_between_requests"):
            if pause := table.seconds(key):
                config[f"{key}_s"] = plain(pause)
        table.finish()


def _registers(section: Table, device: Device, asset: str) -> None:
    """The style that names registers by their space, all of one unit."""
    for key, space in _SPACES.items():
        for entry in section.tables(key):
            place = _place(entry)
            if place is None:
                continue
            address, count = place
            tag: dict[str, Any] = {"name": entry.text("name"), "kind": space, "address": address}
            measurement = _measurement(entry)
            if space in ("holding", "input"):
                kind = _type_of_registers(entry, count)
                if kind is None:
                    continue
                tag |= kind | _scaled(entry)
            device.add(Tag, tag, asset, entry, measurement=measurement)
            entry.finish()
    for key in ("request", "requests", "metric"):
        for table in section.tables(key):
            table.notes.add(table.line, f"Telegraf reads no {key} with configuration_type register: left out")


def _place(entry: Table) -> tuple[int, int] | None:
    """First register and number of registers of an entry; None, with a note, where they do not follow one another."""
    addresses = entry.take("address")
    addresses = [addresses] if isinstance(addresses, int) else addresses
    if not isinstance(addresses, list) or not addresses or not all(type(part) is int for part in addresses):
        entry.notes.add(entry.line, f"address {addresses!r} is no list of registers: left out")
        return None
    if addresses != list(range(addresses[0], addresses[0] + len(addresses))):
        entry.notes.add(entry.line, f"the registers {addresses} do not follow one another: left out")
        return None
    return addresses[0], len(addresses)


def _type_of_registers(entry: Table, count: int) -> dict[str, Any] | None:
    told = entry.text("data_type").upper()
    order = entry.text("byte_order").upper()
    kind = _OF_REGISTER_STYLE.get(told, told)
    if told in ("FIXED", "UFIXED", "FLOAT32"):
        # a whole number of as many registers as there are, made a broken one by its scale
        whole = _FIXED.get(count, "")
        kind = whole if told == "FIXED" or not whole else f"U{whole}"
    if kind not in _TYPES:
        entry.notes.add(entry.line, f"data_type {told!r} of {count} registers has no counterpart: left out")
        return None
    fields: dict[str, Any] = {"type": kind}
    if kind == "STRING":
        fields["length"] = 2 * count
    if kind == "BIT":
        fields["bit"] = entry.take("bit", 0)
    order = _ORDERS.get(order, order)
    return fields if order == "ABCD" else {**fields, "byte_order": order}


def _requests(section: Table, style: str, device: Device, asset: str, options: Options, units: list[int]) -> None:
    """The styles that name units: requests of one register space, or metrics of several."""
    gaps: set[int] = set()
    for request in section.tables(style):
        unit = int(request.number("slave_id") or 0)
        tags = _static_tags(request, silent=options.asset_tag)
        of = identity(tags[options.asset_tag]) if tags.get(options.asset_tag) else asset
        if len(units) > 1 and of == asset:
            of = identity(f"{asset}-{unit}")
        order = request.text("byte_order").upper()
        order = _ORDERS.get(order, order)
        measurement = _measurement(request)
        space = request.text("register") if style == "request" else ""
        if style == "request":
            gaps.add(_gap(request))
        for entry in request.tables("fields"):
            if entry.take("omit", False):
                for key in list(entry.unused()):
                    entry.take(key)
                continue
            tag: dict[str, Any] = {
                "name": entry.text("name"),
                "kind": space or entry.text("register") or "holding",
                "address": entry.take("address"),
            }
            if unit != device.config["unit_id"]:
                tag["unit_id"] = unit
            own = _measurement(entry) or measurement
            if tag["kind"] in ("holding", "input"):
                tag["type"] = entry.text("type").upper()
                if (bit := entry.take("bit", 0 if tag["type"] == "BIT" else None)) is not None:
                    tag["bit"] = bit
                # Telegraf counts registers, of two characters each
                if registers := entry.number("length") or (1 if tag["type"] == "STRING" else 0):
                    tag["length"] = 2 * registers
                tag |= _scaled(entry)
                if order != "ABCD":
                    tag["byte_order"] = order
            device.add(Tag, tag, of, entry, measurement=own)
            entry.finish()
        request.finish()
    if gaps:
        device.config["max_gap"] = min(gaps)
    for key in _SPACES:
        for table in section.tables(key):
            table.notes.add(table.line, f"Telegraf reads no {key} with configuration_type {style}: left out")


def _units(section: Table, style: str) -> list[int]:
    """The units that requests ask, each once, in their order."""
    requests = section.tables(style) if style in ("request", "metric") else []
    return list(dict.fromkeys(int(table.number("slave_id") or 0) for table in requests))


def _gap(request: Table) -> int:
    """Unused registers that one read may span, as the request's optimization has it."""
    optimization = request.text("optimization", "none")
    fill = request.number("optimization_max_register_fill")
    if optimization == "max_insert":
        return min(int(50 if fill is None else fill), _MAX_GAP)
    return 0 if optimization != "aggressive" else 8


def _measurement(table: Table) -> str:
    """The measurement, which tells two fields of one name apart and has no other use here."""
    measurement = table.text("measurement")
    if measurement:
        table.note("measurement", f"the measurement {measurement!r} is no part of a name unless two would be the same")
    return measurement


def _scaled(entry: Table) -> dict[str, Any]:
    scale = entry.number("scale")
    return {} if scale in (None, 0, 1) else {"scale": scale}


def _static_tags(table: Table, *, silent: str = "") -> dict[str, str]:
    """The tags that Telegraf puts to all of a table; each is noted, but the one that names the asset."""
    found: dict[str, str] = {}
    for tags in table.tables("tags"):
        for key in list(tags.unused()):
            found[key] = tags.text(key)
            if key != silent:
                tags.note(key, f"the tag {key} = {found[key]!r} has no counterpart: left out")
    return found
