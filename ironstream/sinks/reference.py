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
  holds up no other, and goes on where it was. It follows the version of the topology that holds, [without a
  restart](#another-version-of-the-topology).
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

## Another version of the topology

A process of a sink begins with the version that [holds](changes.md), and follows it. Where none holds yet, its
topology file becomes the first; after that the file of the process does not count.

- **The sink is declared otherwise** (its batches, topics, target, any field; the topics that the windows give it; the
  name of the deployment, which some tell): what it holds is written, the offsets are committed, and the same process
  goes on as declared, from where it stood: nothing is left out, and nothing doubled. It keeps its process id, its port
  and its counters, and for a second or two `/ready` answers 503. A target that does not take what is held within 15 s
  is not waited for: what is left is read again, and goes where the new version says. Another target begins where the
  sink stands, not at the beginning: fill it with `ironstream sink replay`.
- **Any other edit** does not touch it, nor does a canary, which leaves sinks as they are until it is promoted.
- **It is disabled or removed**: what it holds is written, it leaves its consumer group, whose offsets stay, and the
  process waits: `/ready` and `/live` answer 200, `idle` of `/health` says why. Once a version has it again, it goes on
  from those offsets, as long as Kafka keeps them (`offsets.retention.minutes`, 7 days unless set).
- **It could not run so** (a secret that is not to be found, a configuration that is not valid with it): the version is
  refused, by `ironstream apply` already where the process is there to be asked. If it holds all the same, the process
  goes on as before and says so in its log, in `topology.refused` of `/health` and in `ironstream status`; every 5 s it
  looks whether the secret has come.
- **Kafka is away**: nothing changes, and what was missed comes when it is back.

At the start a process waits for a sink that is disabled, or that an earlier version had. A name that no version ever
had is an error (exit code 2), and so is a version that cannot be used, or a secret that is not there: there is nothing
to go on with.

In Kubernetes give each sink a Deployment of its own (`ironstream sink NAME`, with `IRONSTREAM_METRICS_HOST` and
`IRONSTREAM_METRICS_PORT` set for the probes, and `terminationGracePeriodSeconds` of 30 or more). A new version restarts
no pod, and a sink that is removed leaves a pod that waits: delete its Deployment when you like. A Deployment that is
there before the version which adds its sink restarts with that error until `ironstream apply`. A secret in a mounted
folder (`IRONSTREAM_SECRETS_DIR`) is found when it appears there; one in the environment needs a new pod.

`ironstream sink --all` and `ironstream up` start a process for each sink that comes, and stop those that go; the others
stay as they are. One that comes and refuses its configuration is tried again, every 30 s in the end. `up` starts its
PostgreSQL as soon as a store needs it.
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
