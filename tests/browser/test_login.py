"""Who may do what, as the pages show it: the login, what each role is offered, what a scope of tenants leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from ironstream.web.auth.principal import Role
from tests.browser.test_pages import PAGES
from tests.support.browser import DESKTOP, Page
from tests.support.browser_login import GuardedWeb, log_in
from tests.support.browser_plant import HOT_ALARM, TOPOLOGY, BrowserPlant
from tests.support.web import wait_for

ASSET = "asset/acme/north/pump-1"
ALARM = f"alarms?id={quote(HOT_ALARM, safe='')}"
MALFORMED = "dlq.invalid_telemetry"


@pytest.fixture(scope="module")
def guarded(plant: BrowserPlant) -> GuardedWeb:
    """A view with a login."""
    return GuardedWeb(plant)


@pytest.fixture
def page(browser: Page, guarded: GuardedWeb) -> Iterator[Page]:
    """The browser, not logged in."""
    browser.leave()
    browser.chrome.delete_all_cookies()
    browser.scheme("light")
    page = Page(browser.chrome, guarded.address)
    page.load("overview")
    browser.chrome.delete_all_cookies()
    browser.run("sessionStorage.clear()")
    page.size(*DESKTOP)
    yield page
    browser.chrome.delete_all_cookies()
    browser.leave()
    browser.faults()


@pytest.fixture(scope="module")
def dead_letter(plant: BrowserPlant) -> str:
    """The address of a dead letter's page."""
    plant.send_malformed("pump-8")
    return wait_for(lambda: _last_letter(plant), 60)


def _last_letter(plant: BrowserPlant) -> str | None:
    found = [one for one in plant.read(MALFORMED) if b"no parameter!" in (one.value or b"")]
    return f"dlq/{MALFORMED}/{found[-1].partition}/{found[-1].offset}" if found else None


@pytest.fixture(scope="module", autouse=True)
def two_versions(plant: BrowserPlant) -> None:
    """There is a version to go back to."""
    plant.apply(f"{TOPOLOGY}# to go back from\n", "ann", "a remark")


def test_a_wrong_token_is_told_and_the_right_one_opens_the_page_that_was_asked_for(
    page: Page, guarded: GuardedWeb
) -> None:
    page.load(ASSET)
    log_in(page, "ist_wrong")
    page.says("form.login .failure", "not known")
    log_in(page, guarded.token("ann", Role.OPERATOR))
    page.says("h1", "Feed pump 1")
    assert page.url.endswith(f"#/{ASSET}")
    page.says("#status .who", "ann")


def test_a_logout_returns_to_the_login_and_forgets_where_one_was(page: Page, guarded: GuardedWeb) -> None:
    page.load(ASSET)
    log_in(page, guarded.token("ann", Role.OPERATOR))
    page.says("h1", "Feed pump 1")
    page.click("#status .leave")
    page.there("form.login")
    page.load(ASSET)
    page.there("form.login")
    assert not page.count("table.parameters"), "nothing is shown to nobody"


def test_where_nobody_has_to_log_in_nobody_is_asked_to_log_out(plant: BrowserPlant, browser: Page) -> None:
    browser.open("overview")
    browser.there("#status .who .name")
    assert not browser.count("#status .leave")


def test_a_session_that_ends_while_a_page_is_open_asks_for_a_login_and_goes_on_there(
    page: Page, guarded: GuardedWeb
) -> None:
    page.load(ASSET)
    log_in(page, guarded.token("ann", Role.OPERATOR))
    page.says("h1", "Feed pump 1")
    guarded.take_all_back()
    again = guarded.token("bob", Role.OPERATOR)
    page.there("form.login")
    log_in(page, again)
    page.says("h1", "Feed pump 1")
    assert page.url.endswith(f"#/{ASSET}")


@pytest.mark.parametrize(
    ("role", "answers", "replays", "rolls_back"),
    [
        (Role.COPILOT, False, False, False),
        (Role.OPERATOR, True, False, False),
        (Role.ENGINEER, True, True, True),
    ],
)
def test_a_role_is_offered_what_it_may_do_and_nothing_else(
    page: Page, guarded: GuardedWeb, dead_letter: str, role: Role, answers: bool, replays: bool, rolls_back: bool
) -> None:
    page.load(ALARM)
    log_in(page, guarded.token(f"a {role}", role))
    page.says(".pane .journal", "active")
    assert bool(page.count(".pane [data-command=comment]")) is answers
    page.run("document.querySelector('[role=grid]').focus()")
    page.press("c")
    assert bool(page.count("dialog")) is answers

    page.open(dead_letter)
    page.says("[data-field=text]", "no parameter!")
    assert bool(page.count("[data-command=replay]")) is replays

    page.open("topology")
    page.says("[aria-label=Versions]", "a remark")
    assert bool(page.count("[data-rollback]")) is rolls_back


def test_a_scope_of_tenants_leaves_out_what_is_of_the_whole_plant(page: Page, guarded: GuardedWeb) -> None:
    page.load("topology")
    log_in(page, guarded.token("scoped", Role.ENGINEER, ["acme"]))
    page.says("[aria-label=Holding]", "v")
    page.there(".graph")
    assert not page.count("[aria-label=Versions], [aria-label=Participants], [data-rollback]")
    for name, where in PAGES.items():
        page.open(where)
        page.loaded()
        assert not page.count("#main .failure"), f"{name}: {page.text('#main .failure')}"


def test_a_scope_without_anything_shows_an_empty_plant_and_no_alarm_of_others(page: Page, guarded: GuardedWeb) -> None:
    page.load("overview")
    log_in(page, guarded.token("elsewhere", Role.OPERATOR, ["other"]))
    page.says("#main .empty", "No site yet")
    assert "Feed pump" not in page.text("body")
    page.open("alarms")
    page.says("#main .empty", "No alarm here")
    assert not page.count(".grid-row")
