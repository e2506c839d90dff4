"""What tests of every kind share: one Kafka per session, and a deployment of its own for each test."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import structlog
from hypothesis import HealthCheck, settings

from ironstream.embedded import EmbeddedKafka
from ironstream.embedded.postgres import EmbeddedPostgres
from ironstream.settings import Settings
from ironstream.web.auth.settings import AuthSettings
from tests.support.deployment import settings_of_its_own

# No broker of the tests lives long enough to get back what its second compiler costs: 10 s of CPU at a start, not 6.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")

# How long an example takes says what else the machine does, and nothing of the code.
settings.register_profile("ironstream", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ironstream")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer has set for a deployment must not reach the tests; the cache of jars is no setting."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"IRONSTREAM_{name.upper()}", raising=False)
    for name in AuthSettings.model_fields:
        monkeypatch.delenv(f"IRONSTREAM_WEB_{name.upper()}", raising=False)


@pytest.fixture(autouse=True)
def _logging_of_its_own() -> Iterator[None]:
    """Commands set up the logging of their process, which here is that of all tests."""
    root, aiokafka = logging.getLogger(), logging.getLogger("aiokafka")
    before = root.handlers[:], root.level, aiokafka.level, structlog.is_configured(), structlog.get_config()
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    aiokafka.setLevel(before[2])
    if before[3]:
        structlog.configure(**before[4])
    else:
        structlog.reset_defaults()


@pytest.fixture(scope="session", autouse=True)
def _thawed_at_the_end() -> Iterator[None]:
    """Gateways freeze what there is. The exit takes down nothing that is frozen, and DuckDB complains of its own."""
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A running broker on a free port, shared by all tests: each keeps to its own topics and groups (`deployment`)."""
    broker = EmbeddedKafka(tmp_path_factory.mktemp("kafka"))
    asyncio.run(broker.start())
    yield broker
    asyncio.run(broker.stop())


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running PostgreSQL on a free port, shared by all tests: each has a database of its own (`store`)."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
async def store(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """Where to connect to a database that is empty and that no other test shares."""
    name = f"t{uuid.uuid4().hex[:12]}"
    connection = await asyncpg.connect(postgres.dsn)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
        yield postgres.dsn_of(name)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address that refuses connections, because the port is bound and nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def deployment(kafka: EmbeddedKafka, tmp_path: Path) -> Settings:
    """Settings of a deployment that no other test shares; its topics do not exist yet (`topics.ensure_topics`)."""
    return settings_of_its_own(kafka, tmp_path)
