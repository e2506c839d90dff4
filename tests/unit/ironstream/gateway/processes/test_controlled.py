from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from ironstream.errors import ConfigurationError
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.processes.controlled import run_controlled
from ironstream.gateway.processes.messages import Applied, Ready, Wanted, decode_said, encode
from ironstream.gateway.settings import GatewaySettings
from tests.conformance.support import MemoryPublisher
from tests.unit.ironstream.gateway.test_pipeline_set import KINDS, spec, until


@dataclass
class Controlled:
    """A process of adapters in this one; `pipe` is its stdin."""

    pipe: int
    task: asyncio.Task[int]
    publisher: MemoryPublisher
    said: list[Any] = field(default_factory=list)

    async def wants(self, number: int, *pipelines: PipelineSpec) -> Applied:
        os.write(self.pipe, encode(Wanted(number, list(pipelines))))
        await until(lambda: any(isinstance(said, Applied) and said.number == number for said in self.said))
        return next(said for said in self.said if isinstance(said, Applied) and said.number == number)


@asynccontextmanager
async def controlled(**fields: Any) -> AsyncIterator[Controlled]:
    source, pipe = os.pipe()
    publisher = MemoryPublisher()
    said: list[Any] = []
    task = asyncio.create_task(
        run_controlled(
            GatewaySettings(**fields),
            adapters=KINDS,
            source=source,
            say=lambda line: said.append(decode_said(line)),
            publisher=publisher,
            retry_refused_s=0.01,
        )
    )
    made = Controlled(pipe, task, publisher, said)
    try:
        yield made
    finally:
        if not task.done():
            os.close(pipe)
            await task
        os.close(source)


async def test_it_tells_its_port_and_what_became_of_each_line() -> None:
    async with controlled() as process:
        first = await process.wants(1, spec("a", n=1), spec("b", surprise=1))
        assert isinstance(process.said[0], Ready)
        assert process.said[0].health_port > 0
        assert (list(first.boots), list(first.refused)) == (["a"], ["b"])
        second = await process.wants(2, spec("a", n=1), spec("b", n=2))
        assert second.boots["a"] == first.boots["a"]
        assert (sorted(second.boots), len(second.refused)) == (["a", "b"], 0)


async def test_the_end_of_its_stdin_ends_it_with_everything_flushed() -> None:
    async with controlled() as process:
        await process.wants(1, spec("a", n=1))
        await until(lambda: bool(process.publisher.of("telemetry.raw")))
        os.close(process.pipe)
        assert await process.task == 0
        assert process.publisher.flushed_at == len(process.publisher.records)


async def test_it_tries_again_what_it_had_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    async with controlled() as process:
        first = await process.wants(1, spec("a", password="${secret:pump}"))
        assert first.refused.keys() == {"a"}
        monkeypatch.setenv("IRONSTREAM_SECRET_PUMP", "hunter2")
        await until(lambda: process.said[-1].boots.keys() == {"a"})
        assert process.said[-1].refused == {}


async def test_a_line_that_is_no_message_changes_nothing() -> None:
    async with controlled() as process:
        first = await process.wants(1, spec("a", n=1))
        os.write(process.pipe, b"\xff{oops\n[]\n")
        second = await process.wants(2, spec("a", n=1))
        assert second.boots == first.boots


async def test_a_list_longer_than_a_pipe_is_read_whole() -> None:
    async with controlled() as process:
        lines = encode(Wanted(1, [spec(f"p{n}", n=n, tags=["x" * 1000]) for n in range(100)]))
        await asyncio.to_thread(os.write, process.pipe, lines)
        await until(lambda: isinstance(process.said[-1], Applied))
        assert len(process.said[-1].boots) == 100


async def test_an_address_that_cannot_be_had_is_a_fault_of_the_configuration() -> None:
    async with controlled() as process:
        await until(lambda: bool(process.said))
        with pytest.raises(ConfigurationError):
            async with controlled(health_port=process.said[0].health_port) as second:
                await second.task
