"""`ironstream doctor`: is this machine fit to run ironstream, and what to do where it is not?"""

from __future__ import annotations

import asyncio
import importlib.metadata
import platform
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psutil
import typer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from rich.text import Text

from ironstream import __version__
from ironstream.commands.options import BootstrapOption, DataDirOption, OutputOption, TopologyOption, settings_of
from ironstream.commands.output import Output, out, print_json, print_table
from ironstream.commands.sink_named import NamedSink, declared_sinks
from ironstream.commands.topics import specs_of
from ironstream.contract import Topic
from ironstream.engine.log_reader import LogReader
from ironstream.errors import IronstreamError
from ironstream.settings import Settings
from ironstream.topics import describe, ensure_topics

Verdict = Literal["ok", "warn", "fail"]
_STYLES: Final = {"ok": "bold green", "warn": "bold yellow", "fail": "bold red"}
_DISK_WARN_BYTES: Final = 5 * 1024**3
_DISK_FAIL_BYTES: Final = 512 * 1024**2
_MEMORY_WARN_BYTES: Final = 1024**3
_CLOCK_WARN_S: Final = 2.0
_TIMEOUT_MS: Final = 5000


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check; `remedy` says what to do where the verdict is not ok."""

    check: str
    verdict: Verdict
    found: str
    remedy: str = ""


def doctor(
    bootstrap: BootstrapOption = None,
    topology: TopologyOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Look at everything ironstream needs, and say what to do about what is missing. Exit code 1 when a check fails.

    A Kafka that does not run is a warning: `ironstream up` and `demo` bring their own. So is the target of a sink that
    cannot be reached within 5 s: the sink waits for it. Nothing is written there.

    Example:

      ironstream doctor
    """
    settings = settings_of(bootstrap=bootstrap, topology=topology, data_dir=data_dir)
    findings = [*_local(settings), *asyncio.run(_around(settings))]
    failed = any(finding.verdict == "fail" for finding in findings)
    if output is Output.JSON:
        print_json({"healthy": not failed, "checks": findings})
    else:
        rows = [
            [Text(one.verdict, style=_STYLES[one.verdict]), one.check, one.found, Text(one.remedy, style="yellow")]
            for one in findings
        ]
        print_table("", ("", "check", "found", "what to do"), rows)
        out().print("Something must be mended first." if failed else "Ready to run.",
                    style="bold red" if failed else "bold green")  # fmt: skip
    if failed:
        raise typer.Exit(1)


def _local(settings: Settings) -> Iterator[Finding]:
    for check in (_python, _versions, _java, _kafka_jars, _disk, _memory, _port, _topology):
        yield check(settings)


def _python(_: Settings) -> Finding:
    found = f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}"
    return Finding("python", "ok", found)


def _versions(_: Settings) -> Finding:
    names = ("faust-streaming", "aiokafka", "rocksdict", "numpy", "msgspec")
    found = [f"{name} {importlib.metadata.version(name)}" for name in names]
    return Finding("versions", "ok", ", ".join([f"ironstream {__version__}", *found]))


def _java(settings: Settings) -> Finding:
    from ironstream.embedded.java import find_java

    try:
        java = find_java(settings.java)
    except IronstreamError as error:
        return Finding("java", "warn", error.message, f"{error.hint} Only the embedded Kafka needs it.")
    return Finding("java", "ok", f"{settings.java}, version {java.major}")


def _kafka_jars(_: Settings) -> Finding:
    from ironstream.embedded.jars import jar_folder, kafka_version, locked_jars

    folder = jar_folder()
    jars = locked_jars()
    missing = [jar for jar in jars if not (folder / jar.file_name).exists()]
    if missing:
        remedy = "The first `ironstream up` or `demo` fetches them (45 MB, once per user)."
        return Finding("embedded kafka", "warn", f"{len(missing)} of {len(jars)} jars are not there yet", remedy)
    return Finding("embedded kafka", "ok", f"Kafka {kafka_version()}, {len(jars)} jars in {folder}")


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    found = f"{free / 1024**3:.1f} GiB free in {settings.data_dir}"
    if free < _DISK_FAIL_BYTES:
        return Finding("disk", "fail", found, "Free some space, or set IRONSTREAM_DATA_DIR to another disk.")
    if free < _DISK_WARN_BYTES:
        return Finding("disk", "warn", found, "Enough to try it; logs of 24 h and more want 5 GiB or more.")
    return Finding("disk", "ok", found)


def _memory(_: Settings) -> Finding:
    available = psutil.virtual_memory().available
    found = f"{available / 1024**3:.1f} GiB available, {psutil.cpu_count()} CPUs"
    if available < _MEMORY_WARN_BYTES:
        return Finding("memory", "warn", found, "The embedded Kafka and a worker want 1 GiB.")
    return Finding("memory", "ok", found)


def _port(settings: Settings) -> Finding:
    host, _, port = settings.bootstrap.split(",")[0].strip().rpartition(":")
    if host not in ("127.0.0.1", "localhost"):
        return Finding("port", "ok", f"{settings.bootstrap} is on another machine")
    with socket.socket() as probe:
        probe.settimeout(1)
        taken = probe.connect_ex((host, int(port))) == 0
    return Finding("port", "ok", f"{port} {'is in use (by Kafka, if the next check says so)' if taken else 'is free'}")


def _topology(settings: Settings) -> Finding:
    from adapters.registry import CONFIG_MODELS
    from ironstream.sinks.registry import SINKS
    from ironstream.topology import TopologyError, check_sources, read_sources

    path: Path = settings.topology
    try:
        result = check_sources(read_sources(path), CONFIG_MODELS, SINKS, str(path.parent))
    except TopologyError as error:
        return Finding("topology", "fail", error.message, "Go where it is, or set IRONSTREAM_TOPOLOGY.")
    topology = result.topology
    if topology is None:
        return Finding("topology", "fail", f"{path} has {len(result.errors)} errors", f"`ironstream check {path}`")
    found = (
        f"{path}: {len(topology.assets)} assets, {len(topology.pipelines)} pipelines, {len(topology.alarms)} alarms,"
        f" {len(topology.sinks)} sinks"
    )
    return Finding("topology", "ok", found)


async def _around(settings: Settings) -> list[Finding]:
    found = await asyncio.gather(_broker(settings), _sinks(settings))
    return [finding for findings in found for finding in findings]


async def _broker(settings: Settings) -> list[Finding]:
    host, _, port = settings.bootstrap.split(",")[0].strip().rpartition(":")
    remedy = "`ironstream up` starts one here; else set IRONSTREAM_BOOTSTRAP to the address of yours."
    try:
        # asked first, because aiokafka logs an error for each refused connection
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), _TIMEOUT_MS / 1000)
        writer.close()
        admin = AIOKafkaAdminClient(request_timeout_ms=_TIMEOUT_MS, **settings.kafka_client_kwargs())
        try:
            await admin.start()
            cluster = await admin.describe_cluster()
        finally:
            await admin.close()
    except (OSError, TimeoutError, KafkaError, IronstreamError) as error:
        return [Finding("broker", "warn", f"no Kafka answers at {settings.bootstrap}: {error}", remedy)]
    findings = [Finding("broker", "ok", f"{len(cluster['brokers'])} at {settings.bootstrap}")]
    for check in (_topics, _clock):
        try:
            findings.append(await check(settings))
        except (OSError, TimeoutError, KafkaError, IronstreamError) as error:
            findings.append(Finding(check.__name__.strip("_"), "warn", str(error), "See the checks above."))
    return findings


async def _topics(settings: Settings) -> Finding:
    specs = specs_of(settings)
    states = await describe(settings.kafka_client_kwargs(), [spec.name for spec in specs])
    missing = [spec.name for spec in specs if spec.name not in states]
    if missing:
        remedy = "A worker makes them, or `ironstream topics --create`."
        return Finding("topics", "warn", f"{len(missing)} of {len(specs)} are missing", remedy)
    differences = await ensure_topics(settings.kafka_client_kwargs(), specs, settings.replication)
    if any(difference.setting == "partitions" for difference in differences):
        remedy = "Set IRONSTREAM_PARTITIONS to the number they have. `ironstream topics` lists them."
        return Finding("topics", "fail", str(differences[0]), remedy)
    if differences:
        remedy = "`ironstream topics` lists what differs."
        return Finding("topics", "warn", f"{len(differences)} settings differ", remedy)
    return Finding("topics", "ok", f"{len(specs)} as they should be")


async def _clock(settings: Settings) -> Finding:
    """Compare with the broker's clock, which dates every raw record, a worker's ticks of every second among them."""
    async with LogReader(settings, [Topic.ALARMS_RAW]) as reader:
        await reader.back_from_end(1)
        ends = await reader.consumer.end_offsets(reader.partitions)
        newest_ms = -1
        if any(ends.values()):
            for records in (await reader.consumer.getmany(timeout_ms=_TIMEOUT_MS)).values():
                newest_ms = max(newest_ms, *(record.timestamp for record in records))
    if newest_ms < 0:
        return Finding("clock", "ok", "no worker has run yet: nothing to compare with")
    age_s = time.time() - newest_ms / 1000
    if age_s < -_CLOCK_WARN_S:
        remedy = "Set both clocks by NTP: readings would be marked clock_skew."
        return Finding("clock", "warn", f"the broker's clock is at least {-age_s:.1f} s ahead of this one", remedy)
    return Finding("clock", "ok", f"the newest tick in the log is {max(age_s, 0):.1f} s old")


async def _sinks(settings: Settings) -> list[Finding]:
    """Whether the target of each enabled sink can be reached, all at once."""
    try:
        sinks = [sink for sink in declared_sinks(settings) if sink.part.enabled]
    except (IronstreamError, OSError):
        # the check of the topology has said so
        return []
    return list(await asyncio.gather(*map(_sink, sinks)))


async def _sink(sink: NamedSink) -> Finding:
    from ironstream.commands.sink_reach import reached

    name = f"sink {sink.part.id}"
    if sink.kind.test is None:
        # it would have to connect as a sink that runs, which makes what is missing there
        return Finding(
            name, "ok", f"{sink.part.kind}, which has no test; `ironstream sink test {sink.part.id}` connects"
        )
    try:
        return Finding(name, "ok", await reached(sink, _TIMEOUT_MS / 1000))
    except IronstreamError as error:
        mend = f"{error.hint[:1].upper()}{error.hint[1:]}".rstrip(".")
        return Finding(
            name, "warn", error.message, f"{mend}. `ironstream sink test {sink.part.id}` tries again.".lstrip(". ")
        )
