"""The reference page of the sinks, made from the models of the registry: `docs/sinks.md`.

`python -m ironstream.commands.reference` writes it; a test compares it with what is checked in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from ironstream.contract import Topic
from ironstream.sinks.registry import SINKS
from ironstream.sinks.sink import SinkKind
from ironstream.topology.model.root import DEFAULT_WINDOWS
from ironstream.topology.model_pages import anchor, chapters

SINKS_FILE: Final = Path("docs/sinks.md")
_PACKAGE: Final = "ironstream.sinks."
_SIZES_S: Final = [window.size_s for window in DEFAULT_WINDOWS]

_INTRODUCTION: Final = """\
# Sinks

A sink of [topology.yaml](topology.md) names its kind, and has that kind's configuration under `config`. Here is every
field of every kind; those that every sink has (`id`, `topics`, `batch_rows`, …) are in
[topology.yaml](topology.md#sinks). Unknown fields are errors; editors complete them by `topology.schema.json`;
`ironstream check` names every fault with its line. A secret is written `${secret:NAME}`.

- `ironstream sink NAME` runs a sink, `--all` every enabled one. Each has its own consumer group: one that stands still
  holds up no other, and goes on where it was.
- `ironstream sink test NAME` resolves the secrets, reaches the target and says what it found; nothing is written.
- `ironstream sink list` shows of every sink whether it runs, how far it is, and how far behind.
- `ironstream sink replay NAME --from-time 2026-11-21T06:00:00Z` has a stopped sink write again what came since then;
  `--from-beginning` all that Kafka still has; `--from-offset TOPIC:PARTITION:OFFSET` from a record on. What is written
  again takes the place of what is there: nothing is doubled. `--dry-run` shows what would be done.
- `ironstream sink compact NAME` makes few large files of many small ones, where the kind has files.
- `ironstream dlq list --sink NAME` shows what a target refused for what it holds; everything else went on.
- `ironstream ledger --store NAME` looks for every clean reading in a database or in files, by the raw record that it
  was made of: stored, missing, doubled; or waiting for the sink, refused, older than the store keeps.
- `ironstream tail logs.sinks` shows what the processes of all sinks log as a warning or worse.

This page is generated from the models: `python -m ironstream.commands.reference`.
"""


def sinks_text(sinks: Mapping[str, SinkKind] = SINKS) -> str:
    """`docs/sinks.md` as it is to be checked in: a table of the kinds, then a chapter for each folder of sinks."""
    models = {name: kind.config_model for name, kind in sinks.items()}
    folders = {folder for model in models.values() if (folder := _folder(model))}

    def chapter_of(model: type[BaseModel]) -> str | None:
        # a folder without a kind of its own is there for several
        folder = _folder(model)
        return folder if folder in folders else None

    rows = [
        f"| [{name}](#{anchor(name)}) | {kind.description} | {_topics(kind.topics)} |"
        f" {_topics(kind.default_topics or kind.topics)} |"
        for name, kind in sorted(sinks.items())
    ]
    head = ["| kind | what it does | can take | gets, unless `topics` says otherwise |", "|---|---|---|---|"]
    table = "\n".join(["## Kinds\n", *head, *rows, ""])
    return "\n".join([_INTRODUCTION, table, *chapters(models, chapter_of, "ironstream/sinks", "Every sink")])


def _folder(model: type[BaseModel]) -> str | None:
    folder, dot, _ = model.__module__.removeprefix(_PACKAGE).partition(".")
    return folder if dot and model.__module__.startswith(_PACKAGE) else None


def _topics(takes: Callable[[str], bool]) -> str:
    """Topics in words; aggregates of all sizes as one."""
    sizes = [Topic.aggregates(size_s) for size_s in _SIZES_S]
    every = all(map(takes, sizes))
    words = ("aggregates" if every and topic in sizes else topic for topic in Topic.clean(_SIZES_S) if takes(topic))
    return ", ".join(dict.fromkeys(words))
