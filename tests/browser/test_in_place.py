"""New data leaves alone what somebody is at: a click under way, the focus, what is scrolled and what is selected."""

from __future__ import annotations

import pytest
from selenium.webdriver import Keys

from tests.browser.test_pages import PAGES
from tests.support.browser import PHONE, Page

WINDOW = "table.windows tbody tr"


def test_a_click_that_is_under_way_when_new_data_comes_is_a_click(page: Page) -> None:
    page.open("overview")
    x, y = _middle(page, "[data-site='acme/north'] h2")
    page.cdp("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
    # drawn together with the sites, whose own figures may be the same for long
    page.changes(".totals")
    page.cdp("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)
    page.says("h1", "Assets")


def test_the_focus_stays_where_it_is_when_new_data_comes(page: Page) -> None:
    page.open("overview")
    page.there("[data-site='acme/north']")
    page.run("window.kept = document.querySelector('.site'); kept.focus()")
    for _ in range(2):
        page.changes(".totals")
    assert page.run("return document.activeElement === kept")


@pytest.mark.parametrize("choice", ["Span", "Size of the windows"])
def test_a_choice_made_by_keys_keeps_the_focus(page: Page, choice: str) -> None:
    page.open(PAGES["series"])
    page.says(".summary", "readings")
    page.there(WINDOW)
    page.run("document.querySelector(`[aria-label='${arguments[0]}'] [aria-pressed=false]`).focus()", choice)
    chosen = page.focused("data-value")
    page.press(Keys.ENTER)
    page.there(f"[aria-label='{choice}'] [data-value='{chosen}'][aria-pressed=true]")
    assert page.focused("data-value") == chosen
    assert page.count(f"[aria-label='{choice}'] [aria-pressed=true]") == 1


def test_a_table_that_grows_stays_scrolled_and_what_is_selected_stays_so(page: Page) -> None:
    # so narrow that the table does not fit
    page.size(240, PHONE[1])
    page.open(PAGES["series"])
    page.click("[aria-label='Size of the windows'] [data-value='1']")
    page.wait(lambda: page.count(WINDOW) > 1, "closed windows of a second")
    page.run(
        "const table = document.querySelector('table.windows');"
        "table.parentElement.scrollLeft = 20;"
        "getSelection().selectAllChildren(table.querySelector('tbody tr time'))"
    )
    selected = page.run("return String(getSelection())")
    for _ in range(2):
        page.changes(f"{WINDOW} time")
    assert page.run("return document.querySelector('table.windows').parentElement.scrollLeft") == 20
    assert page.run("return String(getSelection())") == selected


def _middle(page: Page, selector: str) -> tuple[float, float]:
    page.there(selector)
    box = "const box = document.querySelector(arguments[0]).getBoundingClientRect();"
    x, y = page.run(f"{box} return [box.x + box.width / 2, box.y + box.height / 2]", selector)
    return x, y
