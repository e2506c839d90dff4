"""The configurations of Telegraf as a topology of their own, or as additions to one that is there. Pure."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ironstream.errors import ConfigurationError
from ironstream.telegraf.device import Device, Options
from ironstream.telegraf.modbus import modbus_device
from ironstream.telegraf.names import unused
from ironstream.telegraf.opcua import opcua_device
from ironstream.telegraf.source import Note, Table, sections
from ironstream.topology import AdapterModels, Fault, SinkSorts, check_text
from ironstream.topology.edit import Added, Item, Kept, NotEditableError, with_items
from ironstream.topology.load import load

_INTERVAL_S: Final = 10.0
"""What Telegraf takes where no interval is given."""
_READ: Final[Mapping[str, Callable[[Table, Options, float], Device | None]]] = {
    "inputs.modbus": modbus_device,
    "inputs.opcua": lambda section, options, interval_s: opcua_device(section, options, interval_s, listens=False),
    "inputs.opcua_listener": lambda section, options, interval_s: opcua_device(
        section, options, interval_s, listens=True
    ),
}
_EMPTY: Final = b"version: 1\n"


@dataclass(frozen=True, slots=True)
class TelegrafPlan:
    """The whole topology file, what was added to it, what could not be taken over, and the check's warnings."""

    data: bytes
    pipelines: list[str]
    assets: list[str]
    notes: list[Note]
    warnings: list[Fault]


def read_telegraf(
    text: str, filename: str, options: Options, environment: Mapping[str, str]
) -> tuple[list[Device], list[Note]]:
    """The devices of one configuration, and a note for all of it that has no counterpart. Raises ConfigurationError."""
    found, notes = sections(text, filename, environment)
    interval_s = _INTERVAL_S
    for agent in found.get("agent", ()):
        interval_s = agent.seconds("interval", _INTERVAL_S) or _INTERVAL_S
        agent.finish()
    devices: list[Device] = []
    for name, tables in found.items():
        read = _READ.get(name)
        for table in tables if name != "agent" else ():
            if read is None:
                notes.add(table.line, f"{name} is not read: only {', '.join(_READ)} are")
            elif (device := read(table, options, interval_s)) is not None:
                devices.append(device)
    return devices, sorted(notes.found)


def plan_telegraf(
    configurations: Sequence[tuple[str, str]],
    options: Options,
    environment: Mapping[str, str],
    *,
    models: AdapterModels,
    sinks: SinkSorts | None = None,
    data: bytes = _EMPTY,
    filename: str = "topology.yaml",
) -> TelegrafPlan:
    """What `configurations` (name and text of each) add to the topology file `data`, which passes its check then.

    Pipelines get a number where their name is taken; assets that are there already stay as they are. Raises
    ConfigurationError.
    """
    root, faults = load(data, filename)
    if root is None or faults:
        raise ConfigurationError("\n".join(map(str, faults)), "Mend the topology file first.")
    whole = root.data()
    taken = {str(part.get("id")) for part in _parts(whole, "pipelines")}
    there = {_identity(part) for part in _parts(whole, "assets")}
    notes: list[Note] = []
    pipelines: list[Mapping[str, Any]] = []
    assets: dict[str, list[str]] = {}
    for name, text in configurations:
        devices, noted = read_telegraf(text, name, options, environment)
        notes += noted
        for device in devices:
            own = unused(device.id, taken)
            if own != device.id:
                notes.append(Note(name, device.line, f"there is a pipeline {device.id}: this one is named {own}"))
            taken.add(own)
            device.id = own
            pipelines.append(device.pipeline(options))
            for asset, parameters in device.assets.items():
                if (options.tenant or "default", options.site or "default", asset) in there:
                    notes.append(Note(name, device.line, f"asset {asset} is there already, and stays as it is"))
                    continue
                known = assets.setdefault(asset, [])
                known += [parameter for parameter in parameters if parameter not in known]
    if not pipelines:
        listing = "\n".join(map(str, notes))
        raise ConfigurationError(
            f"Nothing of it can be read.\n{listing}".rstrip(), f"There must be one of {', '.join(_READ)}."
        )
    new = [_asset(asset, parameters, options) for asset, parameters in assets.items()]
    text = data.decode("utf-8-sig")
    try:
        for key, added in (("assets", new), ("pipelines", pipelines)):
            kept: list[Item] = [Kept(place) for place in range(len(_parts(whole, key)))]
            text = with_items(text, (key,), [*kept, *map(Added, added)]) if added else text
    except NotEditableError as error:
        raise ConfigurationError(f"{filename}: {error}", "Nothing was changed.") from error
    made = (BOM_UTF8 if data.startswith(BOM_UTF8) else b"") + text.encode()
    result = check_text(made, filename, models, sinks)
    if result.topology is None:
        raise ConfigurationError(
            "\n".join(f"with what would be added: {fault}" for fault in result.errors), "Nothing was changed."
        )
    return TelegrafPlan(made, [str(part["id"]) for part in pipelines], [*assets], notes, result.faults)


def _asset(name: str, parameters: Sequence[str], options: Options) -> dict[str, Any]:
    place = {key: value for key in ("tenant", "site") if (value := getattr(options, key))}
    return {"id": name, **place, "parameters": [{"name": parameter} for parameter in parameters]}


def _identity(asset: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(asset.get("tenant", "default")), str(asset.get("site", "default")), str(asset.get("id"))


def _parts(whole: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = whole.get(key)
    return [part for part in found if isinstance(part, Mapping)] if isinstance(found, list) else []
