"""Board, alerts, sign-in and states in a real browser: axe finds nothing, nothing scrolls sideways, keyboard and no script suffice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

import controlplane
from alerting.model import AlertState
from controlplane.usecases.sign_in import Access
from controlplane.web.app import create_app
from tests.e2e.browsing import VIEWS, chromium, look, needs_chromium, served, signed_in, watch_console
from tests.fakes.pages import fill
from tests.integration.shop import Feed, make_shop, open_shop

pytestmark = [pytest.mark.browser, needs_chromium]

PAGES = {
    "board": "/", "board-filtered": "/?consumer=ml", "board-nothing": "/?consumer=nobody", "alerts": "/alerts", "alerts-none": "/alerts?state=resolved",
    "alert": "/alerts/1",
    "alert-promise": "/alerts/2", "alert-plane": "/alerts/5", "api": "/api/docs", "missing": "/nothing",
}  # fmt: skip
DOORS = {"sign-in": "/sign-in", "sign-in-once": "/sign-in/once?token=whatever"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[controlplane.Plane]:
    folder = make_shop(tmp_path_factory.mktemp("shop"))
    feed = Feed(folder)
    feed.customer("c", 1)
    feed.order("c", 1, 1)
    feed.order("c", 2, 1, status="teleported")
    feed.flush()
    with open_shop(folder) as plane:
        fill(plane)
        for name in ("cdc_customers", "cdc_orders", "customers", "orders"):
            plane.run(name)
        yield plane


@pytest.fixture(scope="module")
def url(plane: controlplane.Plane) -> Iterator[str]:
    with served(create_app(plane)) as url:
        yield url


@pytest.mark.parametrize(("scheme", "width"), VIEWS, ids=[f"{scheme}-{width}" for scheme, width in VIEWS])
def test_pages_hold_in_every_view(browser: Browser, url: str, plane: controlplane.Plane, scheme: str, width: int) -> None:
    page = signed_in(browser, url, plane, scheme=scheme, width=width)
    errors = watch_console(page)
    for name, path in PAGES.items():
        page.goto(url + path)
        look(page, f"{name}-{scheme}-{width}")
    assert [error for error in errors if "404" not in error] == []
    page.context.close()


@pytest.mark.parametrize(("scheme", "width"), VIEWS, ids=[f"{scheme}-{width}" for scheme, width in VIEWS])
def test_doors_hold_in_every_view(browser: Browser, url: str, scheme: str, width: int) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    for name, path in DOORS.items():
        page.goto(url + path)
        look(page, f"{name}-{scheme}-{width}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("does not open anything")
    look(page, f"sign-in-wrong-{scheme}-{width}")
    context.close()


def test_signing_in_and_acknowledging_without_script_and_mouse(browser: Browser, url: str, plane: controlplane.Plane) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url + "/alerts/2")
    page.get_by_label("Token").fill(Access(plane.ports).new_token("on call"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("silver.payments is about to break a promise")
    page.get_by_role("button", name="Acknowledge").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Acknowledged")
    assert plane.alert(2).state is AlertState.ACKNOWLEDGED
    assert plane.alert(2).acknowledged_by == "on call"
    context.close()


def test_from_an_alert_to_its_rows_in_two_clicks(browser: Browser, url: str, plane: controlplane.Plane) -> None:
    page = signed_in(browser, url, plane)
    page.get_by_role("link", name="status.status_known fails on silver.orders").click()
    page.get_by_role("link", name="Open the check").click()
    expect(page.get_by_role("main")).to_contain_text("teleported")
    page.context.close()


def test_the_first_tab_leads_past_the_navigation(browser: Browser, url: str, plane: controlplane.Plane) -> None:
    page = signed_in(browser, url, plane)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.context.close()


def test_the_theme_is_chosen_without_script(browser: Browser, url: str) -> None:
    context = browser.new_context(java_script_enabled=False, color_scheme="light")
    page = context.new_page()
    page.goto(url + "/sign-in")
    light = page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
    page.get_by_role("button", name="Dark").click()
    assert page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor") != light
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    context.close()


def test_a_page_renews_itself_where_nobody_works_and_can_be_paused(
    browser: Browser, url: str, plane: controlplane.Plane
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.clock.install()
    page.goto(url + Access(plane.ports).new_link())
    page.get_by_role("button", name="Sign in").click()
    page.goto(url + "/alerts/4")
    expect(page.locator("#timeline-live")).not_to_contain_text("Acknowledged by")
    page.get_by_label("Comment").fill("half a sentence")
    plane.acknowledge(4, by="somebody else")
    page.clock.run_for(61_000)
    expect(page.locator("#timeline-live")).to_contain_text("Acknowledged by somebody else")
    expect(page.get_by_label("Comment")).to_have_value("half a sentence")
    page.get_by_role("button", name="pause").click()
    expect(page.get_by_role("button", name="go on")).to_be_visible()
    context.close()


def test_nothing_is_asked_of_other_sites(browser: Browser, url: str, plane: controlplane.Plane) -> None:
    page = signed_in(browser, url, plane)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in PAGES.values():
        page.goto(url + path)
    assert [address for address in asked if not address.startswith(url)] == []
    page.context.close()


def test_a_page_prints_without_its_frame(browser: Browser, url: str, plane: controlplane.Plane, tmp_path: Path) -> None:
    page = signed_in(browser, url, plane)
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    expect(page.get_by_role("heading", name="Promises by consumer")).to_be_visible()
    assert len(page.pdf(path=tmp_path / "board.pdf")) > 10_000
    page.context.close()
