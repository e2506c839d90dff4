"""The API does what its description says, whatever is sent to it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from ironstream.embedded import EmbeddedKafka
from ironstream.web.auth import Role
from tests.support.web_access import Access, access_to

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance"
)
ENDLESS = "stream"


@pytest.fixture(scope="module")
def plant(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    """A plant of its own: what is sent to it is not tender."""
    with access_to(kafka, tmp_path_factory.mktemp("fuzz")) as made:
        yield made


def test_whatever_is_sent_is_answered_as_the_description_says(plant: Access) -> None:
    command = (
        sys.executable, "-m", "schemathesis.cli", "run", f"{plant.address}api/v1/openapi.json",
        "--header", f"Authorization: Bearer {plant.tokens[Role.ADMIN, 'all']}",
        "--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "6",
        "--seed", "1", "--generation-deterministic", "--exclude-operation-id", ENDLESS, "--no-color",
        "--suppress-health-check", "all", "--request-timeout", "20", "--warnings", "off",
    )  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=plant.settings.data_dir)

    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
