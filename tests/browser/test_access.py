"""The pages for everybody: contrast, names, keys, what a screen reader hears, and motion."""

from __future__ import annotations

import re
from typing import Any

import pytest
from selenium.webdriver import Keys

from tests.browser.test_pages import PAGES
from tests.support.browser import Page
from tests.support.browser_plant import HOT_ALARM

ENOUGH = 4.5
LARGE = 3.0
USED = ("button", "link", "searchbox", "textbox", "combobox", "grid")
LIVE = "[aria-live=polite],[aria-live=assertive],[role=status],[role=alert]"
TEXTS = """
const shown = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const element = walk.currentNode.parentElement;
  if (!walk.currentNode.textContent.trim() || element.closest("svg,noscript,.hidden,.skip,:disabled")) continue;
  if (!element.checkVisibility({ visibilityProperty: true })) continue;
  let under = element;
  while (under && /^rgba\\(.*, 0\\)$/.test(getComputedStyle(under).backgroundColor)) under = under.parentElement;
  const style = getComputedStyle(element);
  shown.push([walk.currentNode.textContent.trim().slice(0, 40), style.color, getComputedStyle(under).backgroundColor,
    parseFloat(style.fontSize), Number(style.fontWeight)]);
}
return shown;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_what_is_behind_it(page: Page, scheme: str) -> None:
    page.scheme(scheme)
    faint = set()
    for name, where in PAGES.items():
        page.open(where)
        page.loaded()
        texts = page.run(TEXTS)
        assert len(texts) > 10, name
        for text, colour, under, size, weight in texts:
            least = LARGE if size >= 24 or (size >= 18.66 and weight >= 700) else ENOUGH
            if (ratio := _contrast(colour, under)) < least:
                faint.add((name, text, colour, under, round(ratio, 2)))
    assert not faint


def test_whatever_can_be_used_has_a_name(page: Page) -> None:
    for name, where in PAGES.items():
        page.open(where)
        page.loaded()
        tree = page.cdp("Accessibility.getFullAXTree")
        used = [one for one in tree["nodes"] if _role(one) in USED]
        assert len(used) > 8, name
        assert [_role(one) for one in used if not one.get("name", {}).get("value", "").strip()] == [], name


def test_an_alarm_is_answered_by_keys_alone_and_the_focus_returns_to_the_list(page: Page) -> None:
    page.open("overview")
    page.there("#main h1")
    page.press("g", "l")
    page.there(f".grid-row[data-key='{HOT_ALARM}']")
    page.tab_to("grid", 25)
    outline = page.run("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "one sees where the focus is"
    page.press(Keys.HOME, Keys.ENTER)
    page.there(".pane:not([hidden]) .journal")
    page.press("c")
    page.there("dialog textarea")
    assert page.run("return document.activeElement.name") == "comment"
    page.press("seen by keys", Keys.TAB, Keys.TAB, Keys.ENTER)
    page.gone("dialog")
    page.says(".journal", "seen by keys")
    assert page.focused("role") == "grid"


def test_the_heading_has_the_focus_of_a_new_page_and_no_frame(page: Page) -> None:
    page.open("overview")
    page.press("g", "a")
    page.says("h1", "Assets")
    page.wait(lambda: page.run("return document.activeElement.tagName") == "H1", "the focus on the heading")
    assert page.style("h1", "outline-style") == "none"


def test_what_goes_on_by_itself_is_not_read_out(page: Page) -> None:
    page.open(PAGES["series"])
    page.says(".summary", "readings")
    page.run(
        "window.told = [];"
        f"for (const one of document.querySelectorAll('{LIVE}'))"
        " new MutationObserver(() => window.told.push(one.outerHTML))"
        ".observe(one, {childList: true, subtree: true, characterData: true});"
    )
    for _ in range(3):
        page.changes(".now .value")
    assert page.run("return window.told") == []


def test_whoever_wants_no_motion_has_none(page: Page) -> None:
    features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    page.cdp("Emulation.setEmulatedMedia", features=features)
    page.open("overview")
    page.run(
        "const [box, bar] = ['loading', 'bar'].map("
        "(name) => Object.assign(document.createElement('div'), {className: name}));"
        "box.append(bar); document.getElementById('main').append(box)"
    )
    assert page.style("#main > .loading .bar", "animation-name") == "none"


def _role(node: dict[str, Any]) -> str:
    return "" if node.get("ignored") else str(node.get("role", {}).get("value", ""))


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    parts = [float(part) / 255 for part in re.findall(r"[\d.]+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
