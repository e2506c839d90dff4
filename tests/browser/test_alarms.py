"""Alarms in the browser: what an operator does is in the journal."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
from selenium.webdriver import Keys

from tests.support.browser import Page
from tests.support.browser_plant import HOT_ALARM, BrowserPlant

ROW = f".grid-row[data-key='{HOT_ALARM}']"


def test_an_alarm_is_commented_shelved_unshelved_and_acknowledged(plant: BrowserPlant, page: Page) -> None:
    page.open("alarms")
    page.says(ROW, "active")
    page.click(ROW)
    page.says(".journal", "active")

    page.press("c")
    page.fill("dialog textarea", "looking into it")
    page.click("dialog .primary")
    page.says(".journal", "looking into it")

    page.click(".pane [data-command=shelve]")
    page.fill("dialog textarea", "known since Monday")
    page.click("dialog .primary")
    page.says(ROW, "shelved")
    page.click(".pane [data-command=unshelve]")
    page.click("dialog .primary")
    page.says(ROW, "active")

    page.click(ROW)
    page.press("a")
    page.fill("dialog textarea", "on my way")
    page.click("dialog .primary")
    page.says(ROW, "acknowledged")
    page.says(".journal", "on my way")
    page.says(".pane [data-field=cause]", "telemetry.raw/")

    journal = [one for one in _bodies(plant, "alarms.clean") if one.get("alarm_id") == HOT_ALARM]
    assert [one["state"] for one in journal][-1] == "ACKNOWLEDGED"
    assert journal[-1]["comment"] == "on my way"
    commands = [one for one in _bodies(plant, "audit_trail") if one.get("alarm_id") == HOT_ALARM]
    # others may have commented on it before
    assert [one["command"] for one in commands if one.get("outcome") == "accepted"][-4:] == [
        "comment", "shelve", "unshelve", "ack",
    ]  # fmt: skip
    assert page.faults() == []


def test_what_raised_an_alarm_is_one_click_away_as_it_was_written(plant: BrowserPlant, page: Page) -> None:
    page.open(f"alarms?id={quote(HOT_ALARM, safe='')}")
    page.click(".pane [data-field=cause] a")
    page.says("[data-field=text]", '"parameter": "temperature"')
    place = page.text("h1")

    [written] = [one for one in plant.read("telemetry.raw") if f"telemetry.raw/{one.partition}/{one.offset}" == place]
    assert json.loads(page.text("[data-field=text]")) == json.loads(written.value or b"")
    assert page.text("[data-field=hex]").split()[1] == f"{(written.value or b'')[0]:02x}"
    assert page.faults() == []


def test_of_two_operators_who_acknowledge_at_once_the_second_is_told(plant: BrowserPlant, page: Page) -> None:
    alarm = {"asset_id": "tank-1", "tenant_id": "acme", "site_id": "north", "type": "leak", "severity": "CRITICAL",
             "state": "ACTIVE", "message": "wet", "timestamps": {"device_time": "2026-01-01T00:00:00Z"}}  # fmt: skip
    plant.send("alarms.raw", [("acme/north/tank-1", alarm)])
    page.open("alarms")
    alarm_id = page.row_that_says("leak")
    page.click(f".grid-row[data-key='{alarm_id}']")
    page.press("a")
    page.fill("dialog textarea", "mine")

    answer = httpx.post(
        f"{plant.address}api/v1/alarms/{alarm_id}/commands", json={"command": "ack", "comment": "the other's"},
        headers={"X-Ironstream": "1"}, timeout=30,
    )  # fmt: skip
    assert answer.json()["outcome"] == "accepted"
    page.says(f".grid-row[data-key='{alarm_id}']", "acknowledged")

    page.click("dialog .primary")
    page.says("dialog .failure", "acknowledged")
    assert page.count("dialog"), "what was typed is still there"
    page.press(Keys.ESCAPE)
    page.gone("dialog")


def test_a_command_whose_answer_was_lost_is_sent_again_without_a_second_effect(plant: BrowserPlant, page: Page) -> None:
    alarm = {"asset_id": "tank-1", "tenant_id": "acme", "site_id": "north", "type": "smell", "severity": "LOW",
             "state": "ACTIVE", "message": "odd", "timestamps": {"device_time": "2026-01-01T00:00:00Z"}}  # fmt: skip
    plant.send("alarms.raw", [("acme/north/tank-1", alarm)])
    page.open("alarms")
    page.click(".grid-row[data-key*='/smell/']")
    page.press("c")
    page.fill("dialog textarea", "only once")
    page.run(
        "const real = fetch; window.fetch = async (...asked) => {"
        " const answer = await real(...asked);"
        " if (asked[1]?.method !== 'POST') return answer;"
        " window.fetch = real; throw new TypeError('lost'); };"
    )
    page.click("dialog .primary")
    page.says("dialog .failure", "not known whether")
    page.click("dialog .primary")
    page.gone("dialog")
    page.says(".journal", "only once")
    journal = [one for one in _bodies(plant, "alarms.clean") if one.get("type") == "smell"]
    assert [one["comment"] for one in journal].count("only once") == 1


def test_an_alarm_that_comes_while_the_list_is_asked_for_stays_in_it(plant: BrowserPlant, page: Page) -> None:
    page.open("alarms")
    page.says(".tools [role=group]", "Present")
    page.run(
        "const real = fetch; window.held = 0; const released = new Promise((done) => { window.release = done; });"
        " window.fetch = async (...asked) => {"
        " const answer = await real(...asked);"
        " if (String(asked[0]).includes('v1/alarms?')) { window.held += 1; await released; }"
        " return answer; };"
    )
    page.click(".tools [data-value=present]")
    page.wait(lambda: page.run("return window.held"), "the list to be read")
    alarm = {"asset_id": "tank-1", "tenant_id": "acme", "site_id": "north", "type": "noise", "severity": "LOW",
             "state": "ACTIVE", "message": "loud", "timestamps": {"device_time": "2026-01-01T00:00:00Z"}}  # fmt: skip
    plant.send("alarms.raw", [("acme/north/tank-1", alarm)])
    page.says(".grid-row[data-key*='/noise/']", "active")
    page.run("window.release()")
    page.wait(lambda: "…" not in page.text(".heading .tools span"), "the list")
    page.says(".grid-row[data-key*='/noise/']", "active")


def _bodies(plant: BrowserPlant, topic: str) -> list[Any]:
    return [json.loads(one.value or b"{}") for one in plant.read(topic)]
