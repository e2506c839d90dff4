"""The topology in the browser: versions, their differences, and going back."""

from __future__ import annotations

import json

from tests.support.browser import Page
from tests.support.browser_plant import TOPOLOGY, BrowserPlant

OTHER = TOPOLOGY.replace("name: Feed pump 2", "name: Spare pump")


def test_a_version_is_compared_with_the_one_before_and_gone_back_from(plant: BrowserPlant, page: Page) -> None:
    page.open("topology")
    page.says("[aria-label=Versions]", "holds")
    number = plant.apply(OTHER, "ann", "pump 2 is spare")
    # by itself: the page is open meanwhile
    page.says("[data-field=version]", f"v{number}")
    page.says("[aria-label=Versions]", "pump 2 is spare")
    page.says("[aria-label=Versions] tbody tr", f"v{number} holds")

    page.click(f"a[href='#/topology/diff?from={number - 1}&to={number}']")
    page.says(".diff .added", "name: Spare pump")
    page.says(".diff .removed", "name: Feed pump 2")

    page.open("topology")
    page.click(f"[data-rollback='{number - 1}']")
    page.click("dialog .primary")
    assert page.count("dialog:modal"), "a reason is needed"
    page.fill("dialog input[name=reason]", "it is in use")
    page.click("dialog .primary")
    page.says("#notices", f"v{number - 1} holds again")
    page.says("[data-field=version]", f"v{number - 1}")
    page.says("[aria-label=Holding]", "it is in use")
    page.says("[role=region][aria-label=Changes] tbody tr", "it is in use")

    last = [json.loads(one.value or b"{}") for one in plant.read("audit_trail")]
    told = [one for one in last if one.get("kind") == "topology"][-1]
    assert (told["action"], told["after_version"], told["reason"]) == ("rollback", number - 1, "it is in use")
    assert told["actor"] in page.text("[aria-label=Holding]")
    page.open("asset/acme/north/pump-2")
    page.says("h1", "Feed pump 2")
    assert page.faults() == []
