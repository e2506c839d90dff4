"""`python -m ironstream.commands.reference`: writes what is generated from the models.

That is the schema for editors, and the reference pages of topology.yaml, of the adapters and of the sinks. Tests
compare all of them with what is checked in.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from adapters.reference import ADAPTERS_FILE, adapters_text
from adapters.registry import ADAPTERS
from ironstream.gateway.adapter import AdapterKind
from ironstream.sinks.reference import SINKS_FILE, sinks_text
from ironstream.sinks.registry import SINKS
from ironstream.sinks.sink import SinkKind
from ironstream.topology.schema import REFERENCE_FILE, SCHEMA_FILE, json_schema, reference_text


def schema_text(adapters: Mapping[str, AdapterKind] = ADAPTERS, sinks: Mapping[str, SinkKind] = SINKS) -> str:
    """`topology.schema.json` as it is to be checked in."""
    made = json_schema({name: kind.config_model for name, kind in adapters.items()}, sinks)
    return json.dumps(made, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def texts() -> dict[Path, str]:
    """Every generated file, by its path below the root of the repository."""
    return {
        SCHEMA_FILE: schema_text(),
        REFERENCE_FILE: reference_text(),
        ADAPTERS_FILE: adapters_text(),
        SINKS_FILE: sinks_text(),
    }


def write(root: Path) -> list[Path]:
    """Write all files below the root of the repository; returns their paths."""
    written = []
    for name, text in texts().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    for written_file in write(Path(__file__).resolve().parents[2]):
        sys.stdout.write(f"{written_file}\n")
