"""One plant and one browser for all browser tests: each test opens its page anew."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from ironstream.embedded import EmbeddedKafka
from ironstream.settings import Settings
from tests.conftest import PARTITIONS
from tests.support.browser import DESKTOP, Page, start_chromium
from tests.support.browser_plant import BrowserPlant


@pytest.fixture(scope="session")
def plant(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserPlant]:
    """A plant that feeds readings; a test that changes that puts it back."""
    folder = tmp_path_factory.mktemp("browser")
    unique = uuid.uuid4().hex[:8]
    settings = Settings(
        bootstrap=kafka.bootstrap,
        topic_prefix=f"b{unique}.",
        application_id=f"browser-{unique}",
        partitions=PARTITIONS,
        data_dir=folder / "data",
        topology=folder / "topology.yaml",
    )
    with BrowserPlant(settings, folder) as made:
        yield made


@pytest.fixture(scope="session")
def browser(plant: BrowserPlant) -> Iterator[Page]:
    """A browser for all tests."""
    chrome = start_chromium()
    yield Page(chrome, plant.address)
    chrome.quit()


@pytest.fixture
def page(browser: Page) -> Iterator[Page]:
    """The browser on a desktop's screen, in light colours; what it complained of is a failure."""
    browser.size(*DESKTOP)
    browser.scheme("light")
    browser.faults()
    yield browser
    browser.chrome.get("about:blank")
