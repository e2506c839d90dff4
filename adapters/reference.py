"""The reference page of the adapters, made from the models of the registry: `docs/adapters.md`.

`python -m ironstream.commands.reference` writes it; a test compares it with what is checked in.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from adapters.registry import ADAPTERS
from ironstream.gateway.adapter import AdapterKind
from ironstream.topology.model_pages import chapters

ADAPTERS_FILE: Final = Path("docs/adapters.md")

_INTRODUCTION: Final = """\
# Adapters

A pipeline of [topology.yaml](topology.md) names its adapter, and has that adapter's configuration under `config`. Here
is every field of every adapter. Unknown fields are errors; editors complete them by `topology.schema.json`; `ironstream
check` names every fault with its line. A secret is written `${secret:NAME}`.

- `ironstream adapter test NAME` connects, reads every tag once and shows the values; `--wait S` is for a device that
  speaks by itself.
- `ironstream adapter browse NAME [PATTERN]` lists what a device offers; `--tags` and `--csv` print the tags that would
  read it.
- `ironstream adapter tags export NAME [FILE]` writes the tags as CSV, or as a spreadsheet into a
  FILE.xlsx.
- `ironstream adapter tags import NAME FILE` checks such a list and shows what it would change in the file that declares
  the pipeline; with `--write` it changes it.

`test` and `browse` do without a pipeline too: `--adapter KIND --set FIELD=VALUE`.

## Lists of tags

A CSV has a header and a tag a line. Columns may stand in any order; those of a nested model are `report.mode`,
`report.period_s` and so on; what no cell can hold is JSON in the cell. An empty cell is the default. What was exported
is imported exactly as it was.

- UTF-8, with or without byte order mark; cells separated by comma, semicolon or tab. With semicolons a number may have
  a decimal comma.
- A text that a spreadsheet would run (`=`, `+`, `-`, `@` at its start) or trim has an apostrophe before it, which the
  import takes off. Numbers have none.
- A spreadsheet is read by its first sheet. A number is a number and a text a text there: what is written as text is
  never taken for a number. Formulas, dates, percentages and error values are refused with row and column.
- A tag is known by its name, and by its asset where it has one. `--mode` says what is done with the list: `merge` adds
  what is new, changes what is there and leaves the rest; `overwrite` also removes what is not listed; `create` refuses
  what is there already; `delete` removes those listed, for which the names are enough.
- Nothing is changed while a single line is at fault, or while topology.yaml with the new tags does not pass its check.
  Then only the list changes: comments, order and spelling of all else stay, and so do those of tags that stay as they
  are.

## From Telegraf

`ironstream import telegraf FILE…` reads `inputs.modbus` (TCP and RTU; the styles `register`, `request` and `metric`),
`inputs.opcua` and `inputs.opcua_listener`, and writes pipelines and assets as a topology to stdout, or with `--write`
into topology.yaml, where all else stays. What has no counterpart is told on stderr with file and line: nothing is
dropped in silence.

- A plugin is a pipeline. Its `name` is the asset, a group's `name` that of its nodes; where requests ask several units,
  each is an asset of its own, with the number of the unit. `--asset-tag machine` takes the asset from the tag
  `machine`.
- Fields are parameters without unit or range: Telegraf knows neither. Write them into the assets, or a machine type.
- Variables of the environment are filled in. A password is never taken over: the pipeline names a secret in its place.
- `--tenant`, `--site` and `--gateway` are put to all that is made.

This page is generated from the models: `python -m ironstream.commands.reference`.
"""


def adapters_text(adapters: Mapping[str, AdapterKind] = ADAPTERS) -> str:
    """`docs/adapters.md` as it is to be checked in: a chapter for each folder of adapters, one for what they share."""
    kinds = {name: kind.config_model for name, kind in adapters.items()}
    return "\n".join([_INTRODUCTION, *chapters(kinds, _chapter, "adapters", "Every adapter")])


def _chapter(model: type[BaseModel]) -> str | None:
    """The folder below `adapters` that a model stands in; what is elsewhere belongs to every adapter."""
    package, _, rest = model.__module__.partition(".")
    return rest.partition(".")[0] if package == "adapters" else None
