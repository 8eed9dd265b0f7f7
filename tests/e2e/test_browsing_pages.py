"""Pages of datasets, checks, runs and rows set aside, in a real browser: axe finds nothing, nothing scrolls sideways, keyboards reach all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

import controlplane
from controlplane.usecases.facade import Plane
from controlplane.web.app import create_app
from tests.e2e.browsing import CHROMIUM, NEEDS, VIEWS, chromium, look, served, signed_in
from tests.integration.busy_shop import make_busy_shop, open_busy_shop

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason=NEEDS)]

STATUS = "/datasets/silver.orders/checks/silver.orders.status.status_known"
EMAIL = "kind=quarantined&reasons=silver.customers.email.email_valid"
PAGES = {
    "datasets": "/datasets",
    "datasets-none": "/datasets?q=nothing-like-it",
    "dataset-held": "/datasets/silver.orders",
    "dataset-masked": "/datasets/silver.customers",
    "dataset-failed": "/datasets/gold.dim_date",
    "dataset-empty": "/datasets/silver.products",
    "check": STATUS,
    "check-never": "/datasets/silver.products/checks/silver.products.schema",
    "checks": "/checks",
    "runs": "/runs",
    "quarantine-all": "/quarantine",
    "quarantine": f"/quarantine/silver.customers?{EMAIL}",
    "quarantine-none": "/quarantine/silver.products",
    "search": "/search?q=orders",
    "search-none": "/search?q=nothing-like-it",
}


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[controlplane.Plane]:
    with open_busy_shop(make_busy_shop(tmp_path_factory.mktemp("shop") / "project")) as plane:
        yield plane


@pytest.fixture(scope="module")
def url(plane: Plane) -> Iterator[str]:
    with served(create_app(plane)) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize(("scheme", "width"), VIEWS, ids=[f"{scheme}-{width}" for scheme, width in VIEWS])
def test_every_page_is_for_everybody(browser: Browser, url: str, plane: Plane, scheme: str, width: int) -> None:
    page = signed_in(browser, url, plane, scheme=scheme, width=width)
    (held,) = plane.ports.views.held()
    for name, path in {**PAGES, "run-held": f"/runs/{held.run_id}"}.items():
        page.goto(url + path)
        look(page, f"{name}-{scheme}-{width}")
    page.context.close()


def test_from_a_held_dataset_two_clicks_lead_to_the_masked_rows(browser: Browser, url: str, plane: Plane) -> None:
    page = signed_in(browser, url, plane)
    page.goto(f"{url}/datasets?state=held")
    page.get_by_role("link", name="silver.orders").first.click()
    page.get_by_role("link", name="status is one of placed").click()
    assert page.url == url + STATUS
    assert page.get_by_role("cell", name="teleported").count() == 2
    page.context.close()


def test_search_opens_a_single_hit_with_enter(browser: Browser, url: str, plane: Plane) -> None:
    page = signed_in(browser, url, plane)
    box = page.get_by_label("Find a dataset, field or check")
    box.fill("orders status_known")
    box.press("Enter")
    page.wait_for_url(url + STATUS)
    page.context.close()


def test_rows_are_decided_with_the_keyboard_alone(browser: Browser, url: str, plane: Plane) -> None:
    page = signed_in(browser, url, plane)
    page.goto(f"{url}/quarantine/silver.customers?{EMAIL}")
    tick = page.get_by_role("checkbox").first
    tick.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Re-check in the next run").focus()
    page.keyboard.press("Enter")
    page.get_by_text("1 row of silver.customers will be checked again in its next run.").wait_for()
    assert page.get_by_text("re-enters next run").count() == 1
    page.context.close()
