"""Small modules of the pages, asked in the browser that runs them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.browser import Page

THIN = "\u202f"


def _asked(page: Page, module: str, body: str, *arguments: object) -> Any:
    page.open("overview")
    script = f"""
      const given = [...arguments];
      const beside = document.querySelector("script[src$='js/main.js']").src;
      return import(new URL("{module}", beside)).then((module) => {{ {body} }});
    """
    return page.run(script, *arguments)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (12_345_678.9, f"12{THIN}345{THIN}679"),
        (12_349_999.4, f"12{THIN}349{THIN}999"),
        (999_999_999_999.4, f"999{THIN}999{THIN}999{THIN}999"),
        (-0.0, "0"),
        (0.25, "0.25"),
        (1.5e12 + 0.5, "1.500e+12"),
    ],
)
def test_a_number_has_all_of_its_digits_before_the_point(page: Page, value: float, shown: str) -> None:
    number = "-0" if str(value) == "-0.0" else repr(value)
    assert _asked(page, "format.js", f"return module.number({number})") == shown


def test_what_was_held_back_is_as_old_as_it_is(page: Page) -> None:
    heard = """
      const skew = new module.Skew();
      const told = [skew.heard(1e12, 1e12 + 50)];
      for (const [sent, came] of given[0]) told.push(skew.heard(1e12 + sent, 1e12 + came));
      return [told, skew.ms];
    """
    # two heartbeats of a stream that a proxy held back for ten minutes, then one of a stream that is fresh
    held_back = [[5_000, 600_000], [10_000, 600_001], [600_000, 600_060]]
    assert _asked(page, "skew.js", heard, held_back) == [[True, False, False, True], 50]
    # a clock that was set a minute ahead
    was_set = [[5_000, 65_000], [10_000, 70_010], [15_000, 75_000]]
    assert _asked(page, "skew.js", heard, was_set) == [[True, False, False, True], 60_000]


def test_a_page_says_that_no_worker_commits_and_what_is_not_followed(page: Page) -> None:
    told = "return given[0].map(module.troubleOf)"
    beats = [
        {"status": "ok", "down": [], "uncommitted_s": None},
        {"status": "ok", "down": [], "uncommitted_s": 3600, "lag_records": 500},
        {"status": "degraded", "down": ["live"], "uncommitted_s": None},
    ]
    fine, still, down = _asked(page, "trouble.js", told, beats)
    assert fine is None
    assert (still["what"], still["seconds"]) == ("No worker has committed", 3600)
    assert still["then"].startswith("500 records wait.")
    assert down["what"] == "The server cannot follow live just now"


def test_what_is_drawn_again_is_the_same_elements_with_the_listeners_of_now(page: Page) -> None:
    drawn = """
      return import(new URL("dom.js", beside)).then(({ h }) => {
        const told = [];
        const list = h("ul");
        const draw = (names, turn) => module.redraw(list, names.map((name) =>
          h("li", { data: { key: name }, style: { top: `${turn}px` } },
            h("button", { onclick: () => told.push(`${name} ${turn}`) }, `${name} ${turn}`))));
        draw(["a", "b"], 1);
        const [first, second] = list.children;
        draw(["new", "b", "a"], 2);
        for (const one of list.querySelectorAll("button")) one.click();
        const same = list.children[1] === second && list.children[2] === first;
        return [same, told, [...list.children].map((one) => one.style.top + one.textContent)];
      });
    """
    same, told, shown = _asked(page, "redraw.js", drawn)
    assert same
    assert told == ["new 2", "b 2", "a 2"]
    assert shown == ["2pxnew 2", "2pxb 2", "2pxa 2"]
    assert page.faults() == []


def test_what_is_written_in_the_graph_stays_within_its_box(page: Page) -> None:
    drawn = """
      const svg = module.draw(given[0], []);
      document.body.append(svg);
      const told = [...svg.querySelectorAll("text")];
      return told.map((one) => [one.textContent, one.getComputedTextLength(), one.getBBox().x]);
    """
    station = {"kind": "adapter", "rate": 123_456.7, "lag": 9_876_543, "health": "waiting for its device"}
    nodes = [{"id": "1", "name": "WIDE-MACHINE-" * 4, **station}, {"id": "2", "name": "pump-1", **station}]
    texts = _asked(page, "graph.js", drawn, nodes)
    assert [text for text, _, _ in texts][2] == "pump-1"
    assert [text[-1] for text, _, _ in texts][:2] == ["…", "…"]
    assert max(start + length for _, length, start in texts) <= 164
