"""Health of the pipeline itself, from Prometheus: workers, gateways and their adapters, sinks."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana import look, panels, variables
from deploy.grafana.query import promql

_JOB = 'job=~"$job"'
_RATE = "[$__rate_interval]"


def dashboard(schema: str, sizes: Mapping[str, int]) -> Dashboard:
    """The dashboard over the metrics; the store does not matter to it."""
    board = panels.Board("pipeline", "ironstream: pipeline", "Workers, gateways, sinks: rates, lag, faults.", "now-1h")
    board.variables(variables.job())
    _now(board)
    board.row("Workers")
    _workers(board)
    board.row("Gateways and adapters")
    _gateways(board)
    board.row("Sinks")
    _sinks(board)
    return board.build()


def _now(board: panels.Board) -> None:
    figures = (
        ("Workers ready", "All partitions that they were given are restored.", "sum(ironstream_worker_ready{%s})", ()),
        ("Workers not ready", "Restoring, or stopping.", "sum(1 - ironstream_worker_ready{%s})", ((1, look.MEDIUM),)),
        ("Lag, records", "Not yet processed.", "sum(ironstream_lag_records{%s})", ((100_000, look.MEDIUM),)),
        ("Gateways without Kafka", "They keep what they read on disk, or drop it.",
         "sum(1 - ironstream_gateway_kafka_up{%s})", ((1, look.HIGH),)),
        ("Pipelines not healthy", "Their device does not answer, or not all of it.",
         "sum(ironstream_gateway_pipeline_health{%s} < bool 2)", ((1, look.MEDIUM),)),
        ("Processes down", "Of the gateways; each is started anew, ever more slowly.",
         "sum(1 - ironstream_gateway_process_up{%s})", ((1, look.HIGH),)),
        ("Topology refused", "Gateways that run on with a former topology.yaml, for the newest has faults.",
         "sum(ironstream_gateway_topology_refused{%s})", ((1, look.MEDIUM),)),
        ("Open breakers", "Sinks whose target does not take writes: lag grows, nothing is lost.",
         "sum(ironstream_sink_breaker_open{%s})", ((1, look.HIGH),)),
    )  # fmt: skip
    for title, description, expr, steps in figures:
        query = promql(expr % _JOB, title, instant=True)
        board.add(panels.metric_stat(title, description, query, steps), 3, 4)


def _workers(board: panels.Board) -> None:
    _lines(
        board, "Records processed per second", "By the topic that they come from, ticks among them.", "none",
        f"sum by (topic) (rate(ironstream_records_processed_total{{{_JOB}}}{_RATE}))", "{{topic}}",
    )  # fmt: skip
    _lines(
        board, "Records made per second", "By the topic that they go to.", "none",
        f"sum by (to) (rate(ironstream_records_sent_total{{{_JOB}}}{_RATE}))", "{{to}}",
    )  # fmt: skip
    _lines(
        board, "Lag", "Records not yet processed, by who reads them and topic.", "none",
        f"sum by (job, topic) (ironstream_lag_records{{{_JOB}}})", "{{job}} {{topic}}",
    )  # fmt: skip
    _lines(
        board, "Outcomes per second", "What became of records; refusals and repeats are among them.",
        "none", f"sum by (topic, outcome) (rate(ironstream_outcomes_total{{{_JOB}}}{_RATE}))", "{{topic}} {{outcome}}",
    )  # fmt: skip
    _lines(
        board, "Time in commits", "Seconds of each second.", "percentunit",
        f"sum by (instance, topic) (rate(ironstream_commit_seconds_total{{{_JOB}}}{_RATE}))", "{{instance}} {{topic}}",
    )  # fmt: skip
    _lines(
        board, "Partitions", "How many each worker has; steps are rebalances.", "none",
        f"sum by (instance, topic) (ironstream_partitions_owned{{{_JOB}}})", "{{instance}} {{topic}}",
    )  # fmt: skip
    _lines(
        board, "Records under way", "Fetched and not yet processed: bounded, or a worker is stuck.", "none",
        f"ironstream_records_under_way{{{_JOB}}}", "{{instance}}",
    )  # fmt: skip
    _lines(
        board, "Bytes to Kafka per second", "Outputs that the broker has taken.", "Bps",
        f"sum by (instance) (rate(ironstream_outputs_acknowledged_bytes_total{{{_JOB}}}{_RATE}))", "{{instance}}",
    )  # fmt: skip
    _lines(
        board, "Last restore", "How long it took to be ready again.", "s",
        f"ironstream_restore_seconds{{{_JOB}}}", "{{instance}}",
    )  # fmt: skip


def _gateways(board: panels.Board) -> None:
    _lines(
        board, "Readings per second by pipeline", "As they are handed over.", "none",
        f"sum by (pipeline_id) (rate(adapter_readings_total{{{_JOB}}}{_RATE}))", "{{pipeline_id}}",
    )  # fmt: skip
    _lines(
        board, "Silent for", "Since the last reading of a pipeline.", "s",
        f"time() - (ironstream_gateway_pipeline_last_reading_timestamp_seconds{{{_JOB}}} > 0)", "{{pipeline}}",
    )  # fmt: skip
    _lines(
        board, "Errors per second", "By pipeline and kind.", "none",
        f"sum by (pipeline_id, type) (rate(adapter_errors_total{{{_JOB}}}{_RATE}))", "{{pipeline_id}} {{type}}",
    )  # fmt: skip
    _lines(
        board, "Time of a poll, 95 of 100", "Until its values are handed over.", "s",
        f"histogram_quantile(0.95, sum by (le, pipeline_id) (rate(adapter_read_seconds_bucket{{{_JOB}}}{_RATE})))",
        "{{pipeline_id}}",
    )  # fmt: skip
    _lines(
        board, "Polls left out per second", "A read or Kafka took longer than the interval.", "none",
        f"sum by (pipeline_id) (rate(adapter_missed_polls_total{{{_JOB}}}{_RATE}))", "{{pipeline_id}}",
    )  # fmt: skip
    _lines(
        board, "Deaths of processes per hour", "Each was started anew.", "none",
        f"sum by (instance, process) (increase(ironstream_gateway_process_restarts_total{{{_JOB}}}[1h]))",
        "{{instance}} {{process}}",
    )  # fmt: skip
    _lines(
        board, "Disk buffer", "Bytes that wait for Kafka.", "bytes",
        f"adapter_buffer_bytes{{{_JOB}}}", "{{instance}}", 6,
    )  # fmt: skip
    _lines(
        board, "Oldest in the disk buffer", "Its age.", "s",
        f"adapter_buffer_oldest_age_seconds{{{_JOB}}}", "{{instance}}", 6,
    )  # fmt: skip
    _lines(
        board, "Given up per second", "Buffer full, or too old: lost, and told on dlq.buffer_overflow.", "none",
        f"sum by (priority, reason) (rate(adapter_buffer_dropped_total{{{_JOB}}}{_RATE}))", "{{priority}} {{reason}}",
        6,
    )  # fmt: skip
    _lines(
        board, "Disk buffer usable", "0: none is set, or its disk takes nothing.", "none",
        f"adapter_buffer_usable{{{_JOB}}}", "{{instance}}", 6,
    )  # fmt: skip


def _sinks(board: panels.Board) -> None:
    _lines(
        board, "Rows written per second", "By sink and topic.", "none",
        f"sum by (sink, topic) (rate(ironstream_sink_rows_written_total{{{_JOB}}}{_RATE}))", "{{sink}} {{topic}}",
    )  # fmt: skip
    _lines(
        board, "Rows refused per second", "The target said no to the row itself: they are on dlq.sinks.", "none",
        f"sum by (sink, topic, reason) (rate(ironstream_sink_rows_refused_total{{{_JOB}}}{_RATE}))",
        "{{sink}} {{topic}} {{reason}}",
    )  # fmt: skip
    _lines(
        board, "Errors per second", "Writes that are tried again.", "none",
        f"sum by (sink, type) (rate(ironstream_sink_errors_total{{{_JOB}}}{_RATE}))", "{{sink}} {{type}}",
    )  # fmt: skip
    buckets = f"sum by (le, sink) (rate(ironstream_sink_write_seconds_bucket{{{_JOB}}}{_RATE}))"
    writes = [
        promql(f"histogram_quantile({share}, {buckets})", f"{{{{sink}}}} {name}", ref_id)
        for share, name, ref_id in ((0.5, "median", "A"), (0.99, "99 of 100", "B"))
    ]
    board.add(panels.metric_lines("Time of a write", "Median and 99 of 100.", "s", writes), 8)
    _lines(
        board, "Rows waiting", "Read and not yet written: bounded, whatever the target does.", "none",
        f"sum by (sink, topic) (ironstream_sink_rows_waiting{{{_JOB}}})", "{{sink}} {{topic}}",
    )  # fmt: skip
    _lines(
        board, "Breaker open", "1 while the sink tries its target only now and then.", "none",
        f"max by (sink) (ironstream_sink_breaker_open{{{_JOB}}})", "{{sink}}",
    )  # fmt: skip


def _lines(
    board: panels.Board, title: str, description: str, unit: str, expr: str, legend: str, width: int = 8
) -> None:
    board.add(panels.metric_lines(title, description, unit, [promql(expr, legend)]).min(0), width)
