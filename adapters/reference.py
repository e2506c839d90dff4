"""What is generated from the adapters of the registry: the schema for editors, and the reference pages.

`python -m adapters.reference` writes all files; tests compare them with what is checked in.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from adapters.registry import ADAPTERS
from ironstream.gateway.adapter import AdapterKind
from ironstream.topology import schema
from ironstream.topology.field_table import field_table, paragraph, type_words

ADAPTERS_FILE: Final = Path("docs/adapters.md")
_REF: Final = "#/$defs/"
_SHARED: Final = "Every adapter"

_INTRODUCTION: Final = """\
# Adapters

A pipeline of [topology.yaml](topology.md) names its adapter, and has that adapter's configuration under `config`. Here
is every field of every adapter. Unknown fields are errors; editors complete them by `topology.schema.json`; `ironstream
check` names every fault with its line. A secret is written `${secret:NAME}`.

- `ironstream adapter test NAME` connects, reads every tag once and shows the values; `--wait S` is for a device that
  speaks by itself.
- `ironstream adapter browse NAME [PATTERN]` lists what a device offers; `--tags` and `--csv` print the tags that would
  read it.
- `ironstream adapter tags export NAME [FILE]` writes the tags as CSV.
- `ironstream adapter tags import NAME FILE` checks a CSV and shows what it would change in topology.yaml; with
  `--write` it changes it.

`test` and `browse` do without a pipeline too: `--adapter KIND --set FIELD=VALUE`.

## Lists of tags

A CSV has a header and a tag a line. Columns may stand in any order; those of a nested model are `report.mode`,
`report.period_s` and so on; what no cell can hold is JSON in the cell. An empty cell is the default. What was exported
is imported exactly as it was.

- UTF-8, with or without byte order mark; cells separated by comma, semicolon or tab. With semicolons a number may have
  a decimal comma.
- A text that a spreadsheet would run (`=`, `+`, `-`, `@` at its start) or trim has an apostrophe before it, which the
  import takes off. Numbers have none.
- A tag is known by its name, and by its asset where it has one. Listed tags are added, or take the place of the one of
  that name; all others stay, or with `--mode overwrite` are removed.
- Nothing is changed while a single line is at fault, or while topology.yaml with the new tags does not pass its check.
  Then only the list changes: comments, order and spelling of all else stay, and so do those of tags that stay as they
  are.

This page is generated from the models: `python -m adapters.reference`.
"""


def schema_text(adapters: Mapping[str, AdapterKind] = ADAPTERS) -> str:
    """`topology.schema.json` as it is to be checked in."""
    made = schema.json_schema({name: kind.config_model for name, kind in adapters.items()})
    return json.dumps(made, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def adapters_text(adapters: Mapping[str, AdapterKind] = ADAPTERS) -> str:
    """`docs/adapters.md` as it is to be checked in: a chapter for each folder of adapters, one for what they share."""
    kinds = {kind.config_model: name for name, kind in sorted(adapters.items())}
    models = with_all_below(kinds)
    references, made = models_json_schema([(model, "validation") for model in models], by_alias=True)
    definitions = {_REF + name: definition for name, definition in made["$defs"].items()}
    titles = {model: kinds.get(model) or f"{_chapter(model)}: {model.__name__}" for model in models}
    by_reference = {references[model, "validation"]["$ref"]: model for model in models}

    def named(reference: str) -> str:
        model = by_reference.get(reference)
        if model is None:
            # an enumeration: its values say more than its name
            return type_words(definitions[reference], named)
        return f"[{model.__name__}](#{anchor(titles[model])})"

    parts = [_INTRODUCTION]
    for chapter in sorted({_chapter(model) for model in models}, key=lambda name: (name == _SHARED, name)):
        readme = f"What it does, and what is good to know: [README](../adapters/{chapter}/README.md).\n"
        parts.append(f"## {chapter}\n" if chapter == _SHARED else f"## adapters/{chapter}\n\n{readme}")
        for model in sorted((m for m in models if _chapter(m) == chapter), key=lambda m: m not in kinds):
            definition = definitions[references[model, "validation"]["$ref"]]
            table = field_table(model, definition["properties"], named)
            parts.append(f"### {titles[model]}\n\n{paragraph(model)}\n\n{table}")
    return "\n".join(parts)


def write(root: Path) -> list[Path]:
    """Write all files below the root of the repository; returns their paths."""
    texts = {
        root / schema.SCHEMA_FILE: schema_text(),
        root / schema.REFERENCE_FILE: schema.reference_text(),
        root / ADAPTERS_FILE: adapters_text(),
    }
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(texts)


def with_all_below(models: Iterable[type[BaseModel]]) -> list[type[BaseModel]]:
    """The models and all that their fields are made of, each once."""
    found = list(dict.fromkeys(models))
    for model in found:  # grows on the way
        inner = (below for field in model.model_fields.values() for below in _models_in(field.annotation))
        found += [below for below in dict.fromkeys(inner) if below not in found]
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _chapter(model: type[BaseModel]) -> str:
    """The folder below `adapters` that a model stands in; what is elsewhere belongs to every adapter."""
    package, _, rest = model.__module__.partition(".")
    return rest.partition(".")[0] if package == "adapters" else _SHARED


def anchor(title: str) -> str:
    """The name by which a page links to a heading."""
    return "".join(sign for sign in title.lower().replace(" ", "-") if sign.isalnum() or sign in "-_")


if __name__ == "__main__":
    for written in write(Path(__file__).resolve().parents[1]):
        sys.stdout.write(f"{written}\n")
