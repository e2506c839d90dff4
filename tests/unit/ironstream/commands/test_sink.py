from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

import ironstream.sinks.registry
from ironstream.cli import main
from ironstream.settings import Settings
from tests.support.sink_kinds import BUILT, KINDS

SINKS = """\
version: 1
deployment: {name: works}
sinks:
  - {id: archive, kind: folder, config: {path: /srv/archive, password: "${secret:archive}"}}
  - {id: oncall, kind: pager, config: {routing_key: "${secret:pager}"}}
  - {id: at-rest, kind: folder, enabled: false, config: {path: /srv/rest}}
"""


@pytest.fixture
def topology(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A topology file of this test, and kinds of sinks without any target."""
    path = tmp_path / "topology.yaml"
    path.write_text(SINKS, encoding="utf-8")
    monkeypatch.setenv("IRONSTREAM_TOPOLOGY", str(path))
    monkeypatch.setenv("IRONSTREAM_SECRET_ARCHIVE", "right")
    monkeypatch.setenv("IRONSTREAM_SECRET_PAGER", "R0HUNTER2")
    monkeypatch.setattr(ironstream.sinks.registry, "SINKS", KINDS)
    BUILT.clear()
    yield path
    BUILT.clear()


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Settings]]:
    """What was run in this process."""
    calls: list[tuple[str, Settings]] = []
    module = ModuleType("ironstream.sink_process")
    module.__dict__["run_sink"] = lambda name, settings, before_secrets: calls.append((name, settings))
    monkeypatch.setitem(sys.modules, "ironstream.sink_process", module)
    return calls


class Started(NamedTuple):
    """A process that would have been started."""

    name: str
    command: list[str]
    log_file: Path
    env: dict[str, str]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Started]:
    """What was given to the supervisor."""
    processes: list[Started] = []
    monkeypatch.setattr("ironstream.commands.sink_set.Child", Started)
    monkeypatch.setattr("ironstream.commands.sink.EnabledSinks", Enabled)
    monkeypatch.setattr(
        "ironstream.commands.sink.supervise",
        lambda given, console, stop, more=tuple: processes.extend([*given, *more()]),
    )
    return processes


class Enabled:
    """Those of the file; which the log has is asked of a real one elsewhere."""

    ids = ("archive", "oncall")

    def __init__(self, settings: Settings, console: object) -> None:
        """Needs neither."""

    @contextmanager
    def followed(self) -> Iterator[Enabled]:
        yield self


def answer(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert main(["sink", *arguments, "--output", "json"]) == code
    return json.loads(capsys.readouterr().out)


def faults(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    assert main(["sink", *arguments]) == code
    shown = capsys.readouterr()
    assert "HUNTER2" not in shown.out + shown.err.upper()
    return shown.err


@pytest.mark.parametrize("arguments", [["archive"], ["run", "archive"]])
def test_a_name_alone_runs_that_sink(topology: Path, ran: list[Any], arguments: list[str]) -> None:
    assert main(["sink", *arguments, "--metrics-port", "0", "-b", "kafka:9092"]) == 0

    ((name, settings),) = ran
    assert (name, settings.metrics_port, settings.bootstrap) == ("archive", 0, "kafka:9092")


def test_all_are_those_that_are_enabled_each_in_a_process_with_a_port_of_its_own(
    topology: Path, ran: list[Any], started: list[Started], tmp_path: Path
) -> None:
    assert main(["sink", "--all", "--metrics-port", "9101", "-b", "kafka:9092", "--data-dir", str(tmp_path)]) == 0

    assert ran == []
    assert [one.command[-3:] for one in started] == [["sink", "run", "archive"], ["sink", "run", "oncall"]]
    assert [one.env["IRONSTREAM_METRICS_PORT"] for one in started] == ["9101", "9102"]
    assert {one.env["IRONSTREAM_BOOTSTRAP"] for one in started} == {"kafka:9092"}
    assert [one.log_file for one in started] == [
        tmp_path / "logs" / f"sink-{name}.log" for name in ("archive", "oncall")
    ]


@pytest.mark.parametrize(("port", "ports"), [([], [None, None]), (["--metrics-port", "0"], ["0", "0"])])
def test_several_run_in_the_order_of_the_command(
    topology: Path, started: list[Started], port: list[str], ports: list[str | None]
) -> None:
    assert main(["sink", "oncall", "archive", "oncall", *port]) == 0

    assert [one.name for one in started] == ["sink oncall", "sink archive"]
    assert [one.env.get("IRONSTREAM_METRICS_PORT") for one in started] == ports


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["run"], "No sink is named"),
        (["archive", "--all"], "Sinks are named, and --all is given too"),
    ],
)
def test_what_cannot_run_is_said(
    topology: Path, ran: list[Any], capsys: pytest.CaptureFixture[str], arguments: list[str], fault: str
) -> None:
    assert fault in faults(capsys, *arguments)
    assert ran == []


def test_a_kind_with_a_test_of_its_own_says_what_it_found(topology: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = answer(capsys, "test", "oncall")

    assert told == {"id": "oncall", "kind": "pager", "reached": True, "found": "oncall can page by ***"}
    assert BUILT == []


def test_a_kind_without_one_connects_and_lets_go(topology: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "test", "archive")["found"] == "connected"

    (sink,) = BUILT
    assert sink.config.password == "right"  # type: ignore[union-attr]  # the folder's
    assert sink.done == ["connect", "close"]


def test_people_read_a_sentence(topology: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sink", "test", "at-rest"]) == 0

    assert capsys.readouterr().out == "at-rest (folder): connected\n"


def test_a_target_that_refuses_is_told_with_what_to_do_and_without_the_secret(
    topology: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRONSTREAM_SECRET_ARCHIVE", "wrong-hunter2")

    said = faults(capsys, "test", "archive", code=1)

    assert "the folder refuses ***" in said
    assert "give another than ***" in said
    assert BUILT[0].done == ["connect", "close"]


def test_a_target_that_does_not_answer_is_not_waited_for_ever(
    topology: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRONSTREAM_SECRET_ARCHIVE", "gone")

    said = faults(capsys, "test", "archive", "--timeout", "0.1", code=1)

    assert "the target of sink archive has not answered within 0.1 s" in said
    assert BUILT[0].done == ["connect", "close"]


def test_every_secret_that_is_missing_is_named(
    topology: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IRONSTREAM_SECRET_ARCHIVE")

    assert "sink archive: secret 'archive' is not to be found" in faults(capsys, "test", "archive")


def test_a_secret_that_the_kind_refuses_is_not_shown(
    topology: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRONSTREAM_SECRET_ARCHIVE", "hunter2" * 10)

    assert "sink archive: config.password: String should have at most 64 characters" in faults(
        capsys, "test", "archive"
    )


def test_a_configuration_that_only_the_kind_can_judge_is_bad_usage(
    topology: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    topology.write_text(SINKS.replace("/srv/archive", "/"), encoding="utf-8")

    assert "/ is no folder of its own" in faults(capsys, "test", "archive")


@pytest.mark.parametrize("command", ["test", "compact", "replay"])
def test_a_sink_that_there_is_not_is_named(topology: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    more = ["--from-beginning"] if command == "replay" else []

    assert "has no sink archives.\n  Did you mean 'archive'?" in faults(capsys, command, "archives", *more)


def test_a_compaction_says_what_it_did(topology: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = answer(capsys, "compact", "archive", "--all")

    assert told == {
        "id": "archive", "kind": "folder", "dry_run": False, "directories": 2, "merged": 10, "made": 1,
        "leftovers": 0, "bytes_before": 1000, "bytes_after": 400,
    }  # fmt: skip


def test_a_compaction_can_be_tried_first(topology: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sink", "compact", "archive", "--dry-run"]) == 0

    assert capsys.readouterr().out == "5 files would be merged into 1\n2 directories\n"


def test_a_kind_without_files_has_nothing_to_compact(topology: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Sink oncall is of kind pager, which has nothing to compact" in faults(capsys, "compact", "oncall")


def test_an_error_of_a_compaction_shows_no_secret(
    topology: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRONSTREAM_SECRET_ARCHIVE", "wrong-hunter2")

    assert "the folder refuses ***" in faults(capsys, "compact", "archive", code=1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Where the replay starts is not told, or in two ways"),
        (["--from-beginning", "--from-time", "2026-01-01T00:00:00Z"], "not told, or in two ways"),
        (["--from-offset", "telemetry.clean:3"], "'telemetry.clean:3' is not TOPIC:PARTITION:OFFSET"),
        (["--from-offset", "telemetry.clean:3:-1"], "is not TOPIC:PARTITION:OFFSET"),
        (["--from-offset", "telemetry.clean:3:1", "--from-offset", "telemetry.clean:3:2"], "3 has two offsets"),
        (["--from-offset", "telemetry.raw:3:1"], "not get 'telemetry.raw', only telemetry.clean, telemetry.1s"),
        (["--from-offset", "alarms.clean:3:1", "--topic", "alarms.clean"], "--topic is for --from-time"),
        (["--from-beginning", "--topic", "alarms"], "The sink does not get 'alarms'"),
        (["--from-time", "yesterday"], "--from-time: 'yesterday' is not ISO-8601"),
        (["--from-time", "2026-01-01T00:00:00"], "has no offset: add Z or +hh:mm"),
    ],
)  # fmt: skip
def test_a_replay_that_does_not_say_from_where_is_bad_usage(
    topology: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert said in faults(capsys, "replay", "archive", *arguments)


@pytest.mark.parametrize("command", [["list"], ["replay", "archive", "--from-beginning"]])
def test_without_kafka_it_is_said_where_it_was_looked_for(
    topology: Path, capsys: pytest.CaptureFixture[str], nowhere: str, command: list[str]
) -> None:
    assert f"Kafka at {nowhere} does not answer" in faults(capsys, *command, "-b", nowhere, code=1)


def test_a_topology_without_sinks_has_none_to_list(topology: Path, capsys: pytest.CaptureFixture[str]) -> None:
    topology.write_text("version: 1\n", encoding="utf-8")

    assert main(["sink", "list"]) == 0
    assert "declares no sinks" in capsys.readouterr().out
    assert answer(capsys, "list") == []


def test_the_check_knows_the_kinds_of_sinks(topology: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    topology.write_text(SINKS.replace("path", "pth"), encoding="utf-8")

    assert main(["check"]) == 2
    assert "unknown field 'pth'" in capsys.readouterr().out
