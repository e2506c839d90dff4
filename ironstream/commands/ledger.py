"""`ironstream ledger`: what was sent, and what has become of every reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from ironstream.commands.options import BootstrapOption, OutputOption, TopologyOption, length_of, settings_of
from ironstream.commands.output import Output, out, print_json, print_table, progress, run
from ironstream.commands.sink_named import NamedSink
from ironstream.contract import IDENTITY_PART, Topic
from ironstream.domain.times import to_us
from ironstream.errors import ConfigurationError
from ironstream.ledger.book import Account, Book
from ironstream.ledger.report import accounts_of, as_json, place_text
from ironstream.ledger.stored import Stored
from ironstream.settings import Settings

_COLUMNS = ("asset", "parameter", "sent", "in raw", "clean", "duplicate", "refused", "expired", "pending", "overflow",
            "missing", "unexplained")  # fmt: skip
_MOST_SHOWN = 20


def ledger(
    asset: Annotated[
        str | None, typer.Option("--asset", "-a", metavar="TENANT/SITE/ASSET", help="Only this asset.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only what reached Kafka since then: 30m, 8h, 2d or 2025-01-10T12:00:00Z."),
    ] = None,
    store: Annotated[
        list[str] | None,
        typer.Option(
            "--store", "-s", metavar="ID", help="Look for what is clean in the store of this sink, too; repeatable."
        ),
    ] = None,
    bootstrap: BootstrapOption = None,
    topology: TopologyOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Account for every reading: sent, in telemetry.raw, clean, duplicate, refused, missing.

    What was sent is told by the adapters' own numbers (boot, seq): a hole in them is a reading that never reached
    Kafka. Every reading in telemetry.raw must be clean, a repeat of another, or in the DLQ; or it waits for a worker
    (pending). Overflow: a gateway gave it up because its disk buffer was full, and said so. Expired: it was clean or
    refused, and its raw record is gone by retention. Exit code 1 when anything is missing or unexplained.

    With --store every clean reading is looked for in that store, by the raw record that it was made of: stored, or
    missing, or there more than once (doubled); else it waits for the sink, was refused by it (dlq.sinks), or is older
    than the store keeps. Missing and doubled ones are unexplained. While `ironstream sink compact` runs on a store of
    files, rows of a merge are doubled for a moment: ask again.

    Examples:

      ironstream ledger

      ironstream ledger --asset acme/north-works/pump-1 --since 8h

      ironstream ledger --store history --store archive
    """
    if asset is not None and (asset.count("/") != 2 or not all(map(IDENTITY_PART.fullmatch, asset.split("/")))):
        raise ConfigurationError(f"{asset!r} names no asset.", "Write TENANT/SITE/ASSET, as acme/north-works/pump-1.")
    since_ms = None if since is None else moment_of(since, datetime.now(UTC))
    settings = settings_of(bootstrap=bootstrap, topology=topology)
    sinks = _stores(settings, store or [])
    book = run(_read(settings, asset, since_ms, sinks), settings.bootstrap)
    if output is Output.JSON:
        print_json(as_json(book))
    else:
        _print(book, [sink.part.id for sink in sinks])
    if not book.explained:
        raise typer.Exit(1)


def _stores(settings: Settings, ids: Sequence[str]) -> list[NamedSink]:
    """The sinks of these ids, each once. Raises ConfigurationError for one whose store has no readings to look for."""
    if not ids:
        return []
    from ironstream.commands.query_store import store_named

    sinks = [store_named(settings, sink_id) for sink_id in dict.fromkeys(ids)]
    for sink in sinks:
        if Topic.TELEMETRY_CLEAN not in sink.topics:
            raise ConfigurationError(
                f"Sink {sink.part.id} does not take {Topic.TELEMETRY_CLEAN}: it stores no readings.",
                f"Its topics are {', '.join(sink.topics)}; add it in {settings.topology}, or name another store.",
            )
    return sinks


def moment_of(text: str, now: datetime) -> int:
    """A moment in ms since the epoch: ISO-8601, or a length such as 8h before `now`. Raises ConfigurationError."""
    try:
        return to_us(text) // 1000
    except ValueError:
        return int((now - length_of(text)).timestamp() * 1000)


def _print(book: Book, stores: Sequence[str]) -> None:
    rows = [[*_row(account), *(_in_store(account.stores.get(one)) for one in stores)] for account in accounts_of(book)]
    if not rows and not book.unnamed.raw:
        out().print("No readings.")
        return
    unnamed = book.unnamed
    if unnamed.raw or unnamed.expired:
        rows.append(
            ["(unreadable)", "", "-", unnamed.raw, 0, 0, _reasons(unnamed.refused), unnamed.expired, unnamed.pending,
             0, 0, _alert(len(unnamed.unexplained)), *("" for _ in stores)]
        )  # fmt: skip
    print_table("Ledger", (*_COLUMNS, *(f"stored in {one}" for one in stores)), rows)
    console = out()
    for line in list(_faults(book))[:_MOST_SHOWN]:
        console.print(line, style="red", markup=False)
    if book.explained:
        console.print("Every reading is explained.", style="green")


def _row(account: Account) -> list[Any]:
    sent = account.sent if account.runs or account.dropped else "-"
    return [
        account.asset, account.parameter, sent, account.raw, account.clean, account.duplicate,
        _reasons(account.refused), account.expired, account.pending, account.overflow,
        _alert(account.missing), _alert(len(account.unexplained)),
    ]  # fmt: skip


def _in_store(stored: Stored | None) -> Any:
    """How many a store has, and what has become of the others."""
    if stored is None:
        return 0
    text = Text(f"{stored.stored:,}")
    for count, word, style in (
        (stored.waiting, "waiting", ""), (stored.refused, "refused", ""), (stored.expired, "expired", ""),
        (stored.missing, "missing", "bold red"), (stored.doubled, "doubled", "bold red"),
    ):  # fmt: skip
        if count:
            text.append(", ").append(f"{count:,} {word}", style=style)
    return text


def _faults(book: Book) -> Iterable[str]:
    """What is not explained, one line each."""
    for account in accounts_of(book):
        name = f"{account.asset}/{account.parameter}"
        for boot, holes in account.holes.items():
            shown = ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in holes[:5]) + (
                ", …" if len(holes) > 5 else ""
            )
            yield f"{name}: sent in run {boot} and never in telemetry.raw: seq {shown}"
        for place in account.unexplained[:5]:
            yield f"{name}: {place_text(place)} is neither clean nor refused nor a repeat"
        for store, stored in account.stores.items():
            for place in stored.missing_places[:5]:
                yield f"{name}: {place_text(place)} is clean and not in {store}"
            for place in stored.doubled_places[:5]:
                yield f"{name}: {place_text(place)} is more than once in {store}"
    for place in book.unnamed.unexplained[:5]:
        yield f"{place_text(place)} cannot be read and is not in the DLQ"


def _reasons(refused: Counter[str]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in refused.most_common()) or "0"


def _alert(count: int) -> Any:
    return Text(f"{count:,}", style="bold red") if count else 0


async def _read(settings: Settings, asset: str | None, since_ms: int | None, sinks: Sequence[NamedSink]) -> Book:
    # the compiled decoders are costly to import, in time and memory, which every other command would pay for
    from ironstream.ledger.read import LedgerReader

    with progress() as bar:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(f"reading {what}", total=None)
            # how many rows a store has is not known before
            bar.update(tasks[what], completed=done, total=total or None)

        reader = LedgerReader(settings, asset, since_ms, show)
        book = await reader.read()
        if sinks:
            from ironstream.commands.ledger_stores import StoresReader

            await StoresReader(settings, sinks, reader, asset, since_ms, show).read(book)
        return book
