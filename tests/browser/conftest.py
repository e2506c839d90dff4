"""One plant and one browser for all browser tests: each test opens its page anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ironstream.embedded import EmbeddedKafka
from tests.support.browser import DESKTOP, Page, start_chromium
from tests.support.browser_plant import BrowserPlant
from tests.support.deployment import settings_of_its_own


@pytest.fixture(scope="session")
def plant(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserPlant]:
    """A plant that feeds readings; a test that changes that puts it back."""
    folder = tmp_path_factory.mktemp("browser")
    settings = settings_of_its_own(kafka, folder)
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
    browser.leave()
