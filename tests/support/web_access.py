"""A small plant with a login: a token for each role in each scope, and something to see for both tenants."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from ironstream.contract import Topic
from ironstream.embedded import EmbeddedKafka
from ironstream.settings import Settings
from ironstream.web.auth import Role
from ironstream.web.auth.token_file import add_token
from ironstream.web.auth.tokens import FILE_NAME, make_token
from tests.support.deployment import settings_of_its_own
from tests.support.web import HOT, TEMPERATURE, WebPlant, until

SCOPES: Final = {"all": None, "mine": ["acme"], "theirs": ["other"]}
SCRIPT: Final = "<script>alert(1)</script>"


class Access(WebPlant):
    """The plant, with a token for each role in each scope."""

    def __init__(self, settings: Settings, logs: Path) -> None:
        super().__init__(settings, logs)
        self.tokens: dict[tuple[Role, str], str] = {}
        self.dead = ""
        self.raw = ""
        """Partition and offset of a dead letter, and of the reading that raised an alarm, both of acme."""
        _, spare = make_token("spare", [Role.COPILOT], None, None)
        add_token(settings.data_dir / FILE_NAME, spare)
        self.spare = spare.id
        for role in Role:
            for scope, tenants in SCOPES.items():
                self.tokens[role, scope], entry = make_token(f"{role}-{scope}", [role], tenants, None)
                add_token(settings.data_dir / FILE_NAME, entry)

    def as_(self, role: Role, scope: str = "all") -> httpx.AsyncClient:
        """A client with a token."""
        headers = {"Authorization": f"Bearer {self.tokens[role, scope]}"}
        return httpx.AsyncClient(base_url=f"{self.address}api/v1", timeout=20, headers=headers)

    async def ready(self) -> None:
        """Return once there is something to see: a series, an alarm, dead letters of both tenants and of nobody."""
        now_us = time.time_ns() // 1000
        hot, cold = self.readings(TEMPERATURE, [95.0, 900.0], now_us), self.readings("other/south/fan-1/speed", [], 0)
        await self.send(hot + cold)
        await self.send([(b"acme/north/pump-1", b"{broken"), (b"other/south/fan-1", b"{" + SCRIPT.encode())])
        await self.send([(f"acme/{SCRIPT}/pump-1".encode(), b"\x00\xff")])
        async with self.as_(Role.ADMIN) as client:

            async def there() -> bool:
                letters = await client.get("/dlq/dlq.invalid_telemetry")
                alarm = await client.get(f"/alarms/{HOT}")
                held = await client.get("/topology")
                if letters.status_code != 200 or alarm.status_code != 200 or held.json()["version"] != 1:
                    return False
                evidence = alarm.json()["evidence"]
                assert evidence["topic"] == Topic.TELEMETRY_RAW
                self.raw = f"{evidence['partition']}/{evidence['offset']}"
                items = letters.json()["items"]
                mine = [one for one in items if one["key"] == "acme/north/pump-1" and one["reason"] == "range"]
                self.dead = f"{mine[0]['partition']}/{mine[0]['offset']}" if mine else ""
                return len(items) >= 4

            await until(there)


@contextmanager
def access_to(kafka: EmbeddedKafka, folder: Path) -> Iterator[Access]:
    """The plant with a worker and a web view, while it is entered."""
    settings = settings_of_its_own(kafka, folder)
    made = Access(settings, folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("IRONSTREAM_WEB_REQUESTS_PER_S", "10000")
        patched.setenv("IRONSTREAM_WEB_FAILED_LOGIN_PAUSE_S", "0")
        try:
            made.processes.start_worker()
            made.start_web()
            asyncio.run(made.ready())
            yield made
        finally:
            made.close()
