"""What is old never looks fresh: a worker that died, a server that is silent."""

from __future__ import annotations

from tests.support.browser import Page
from tests.support.browser_plant import TEMPERATURE, BrowserPlant

ROW = f"tr[data-series='{TEMPERATURE}']"
VALUE = f"{ROW} .value"
FRESH = f"{ROW}:not(.stale)"
STALE = f"{ROW}.stale"


def test_values_of_a_worker_that_died_become_stale_in_sight_and_fresh_again(plant: BrowserPlant, page: Page) -> None:
    page.open("asset/acme/north/pump-1")
    page.there(FRESH)
    assert "line-through" not in page.style(VALUE, "text-decoration")

    plant.kill_worker()
    try:
        page.there(STALE)
        assert "line-through" in page.style(VALUE, "text-decoration")
        assert "stale" in page.style(f"{ROW} .age", "content", "::after")
    finally:
        plant.start_worker()
    page.there(FRESH, 90)
    assert "line-through" not in page.style(VALUE, "text-decoration")


def test_a_page_that_hears_nothing_says_so_and_goes_on_by_itself(plant: BrowserPlant, page: Page) -> None:
    page.open("asset/acme/north/pump-1")
    page.there(FRESH)
    assert not page.visible("#silence")
    assert page.style(".panel", "background-image") == "none"

    plant.kill_web()
    try:
        page.says("#silence", "Nothing heard from the server")
        assert "line-through" in page.style(VALUE, "text-decoration")
        assert "line-through" in page.style("#status .waiting", "text-decoration"), "counts are as old"
        assert "gradient" in page.style(".panel", "background-image"), "so is all that the page shows"
        assert page.text("#heard") == "silent"
    finally:
        plant.start_web()
    page.wait(lambda: page.text("#heard") == "live" and not page.visible("#silence"), "the page to go on", 90)
    before = page.value_of(TEMPERATURE)
    page.wait(lambda: page.value_of(TEMPERATURE) > before, "a value by itself", 90)


def test_what_was_shown_stays_in_sight_as_old_while_the_server_is_away(plant: BrowserPlant, page: Page) -> None:
    page.open("topology")
    page.there(".graph")
    assert not page.count(".old")

    plant.kill_web()
    try:
        page.says("[aria-label=Flow].old > .failure", "does not answer")
        assert page.count(".graph [data-node]") > 3
        assert "gradient" in page.style("[aria-label=Flow]", "background-image")
    finally:
        plant.start_web()
    page.gone(".old, #main .failure", 90)
    assert page.count(".graph [data-node]") > 3
