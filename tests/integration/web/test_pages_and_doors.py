"""The web application over a real store: who gets in, what a browser is told, what pages say and never say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import controlplane
from alerting.model import AlertState
from controlplane.kernel.errors import StoreUnavailableError
from controlplane.usecases.sign_in import IDLE, LINK_LIFE, SESSION_LIFE, Access
from controlplane.web.app import create_app
from tests.fakes.pages import HOSTILE, fill
from tests.fakes.store_kit import SettableClock
from tests.integration.shop import Feed, make_shop, open_shop

HERE = "http://127.0.0.1:8765"
PAGES = ["/", "/alerts", "/alerts?state=all", "/alerts/1", "/api/docs", "/datasets", "/runs", "/checks", "/quarantine"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_shop(tmp_path_factory.mktemp("shop"))
    feed = Feed(folder)
    feed.customer("c", 1)
    feed.order("c", 1, 1)
    feed.flush()
    with open_shop(folder) as plane:
        for name in ("cdc_customers", "cdc_orders", "customers", "orders"):
            plane.run(name)
        fill(plane)
    return folder


@pytest.fixture(scope="module")
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def wall(clock: SettableClock) -> SettableClock:
    """Two days after the test before: what that one left is over."""
    clock.instant += timedelta(days=2)
    return clock


@pytest.fixture(scope="module")
def app(plane: controlplane.Plane, clock: SettableClock) -> FastAPI:
    return create_app(plane, base_url=HERE, wall=clock)


@pytest.fixture(scope="module")
def plane(folder: Path) -> Iterator[controlplane.Plane]:
    with open_shop(folder) as plane:
        yield plane


@pytest.fixture
def access(plane: controlplane.Plane, wall: SettableClock) -> Access:
    return Access(plane.ports, wall)


@pytest.fixture
def visitor(app: FastAPI, wall: SettableClock) -> TestClient:  # noqa: ARG001 (a time of its own)
    """Somebody who is not signed in."""
    return TestClient(app, base_url=HERE, follow_redirects=False)


@pytest.fixture
def client(visitor: TestClient, access: Access) -> TestClient:
    """Somebody who is signed in."""
    follow(visitor, access.new_link("steward"))
    return visitor


def follow(client: TestClient, link: str) -> None:
    page = client.get(link)
    token = re.search(r'name="token" value="([^"]+)"', page.text)
    assert token is not None
    answer = client.post("/sign-in/once", data={"token": token[1], "to": "/"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def form_token(client: TestClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/").text)
    assert found is not None
    return found[1]


# who gets in


@pytest.mark.parametrize("path", PAGES)
def test_no_page_without_a_session(visitor: TestClient, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("path", ["/api/v1/sla", "/api/v1/alerts", "/api/v1/runs", "/api/openapi.json"])
def test_no_answer_without_a_token(visitor: TestClient, path: str) -> None:
    assert visitor.get(path).status_code == 401


def test_after_signing_in_the_page_that_was_wanted_comes(visitor: TestClient, access: Access) -> None:
    wanted = visitor.get("/alerts?priority=P1").headers["location"]
    to = re.search(r'name="to" value="([^"]+)"', visitor.get(wanted).text.partition("<main")[2])
    assert to is not None
    answer = visitor.post("/sign-in", data={"token": access.new_token("you"), "to": to[1]})
    assert answer.headers["location"] == "/alerts?priority=P1"
    assert visitor.get(answer.headers["location"]).status_code == 200


def test_looking_at_a_link_does_not_use_it_up(visitor: TestClient, access: Access) -> None:
    link = access.new_link()
    for _ in range(3):
        assert "used up when you press the button" in visitor.get(link).text
    follow(visitor, link)
    assert visitor.get("/").status_code == 200


def test_a_link_works_once_and_then_says_no_more_than_that(visitor: TestClient, access: Access) -> None:
    link = access.new_link()
    token = link.partition("token=")[2]
    visitor.post("/sign-in/once", data={"token": token})
    visitor.cookies.clear()
    again, wrong = (visitor.post("/sign-in/once", data={"token": one}) for one in (token, "never-existed"))
    assert again.status_code == wrong.status_code == 401
    reason = re.search(r'role="alert">(.*?)</span>', again.text)
    assert reason is not None
    assert reason[1] in wrong.text
    assert "set-cookie" not in again.headers
    assert visitor.get("/").status_code == 303


def test_a_link_is_over_after_ten_minutes(visitor: TestClient, access: Access, wall: SettableClock) -> None:
    token = access.new_link().partition("token=")[2]
    wall.instant += LINK_LIFE
    assert visitor.post("/sign-in/once", data={"token": token}).status_code == 401


def test_the_cookie_is_for_this_site_and_no_script(visitor: TestClient, access: Access) -> None:
    answer = visitor.post("/sign-in", data={"token": access.new_token("you")})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("controlplane=")
    for part in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=43200"):
        assert part in cookie
    assert "Domain" not in cookie


def test_by_https_the_cookie_is_bound_to_host_and_https(plane: controlplane.Plane, wall: SettableClock, access: Access) -> None:
    secure = TestClient(
        create_app(plane, base_url="https://plane.example", secure=True, wall=wall),
        base_url="https://plane.example",
        follow_redirects=False,
    )
    answer = secure.post("/sign-in", data={"token": access.new_token("you")})
    assert answer.headers["set-cookie"].startswith("__Host-controlplane=")
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]
    assert secure.get("/").status_code == 200


def test_a_planted_session_is_not_the_one_that_is_opened(visitor: TestClient, access: Access) -> None:
    token = access.new_token("you")
    planted = access.sign_in(token)
    visitor.cookies.set("controlplane", planted)
    answer = visitor.post("/sign-in", data={"token": token})
    assert planted not in answer.headers["set-cookie"]
    assert access.session(planted) is None


@pytest.mark.parametrize("passed", [IDLE + timedelta(minutes=1), SESSION_LIFE], ids=["idle", "too long"])
def test_a_session_ends(client: TestClient, wall: SettableClock, passed: timedelta) -> None:
    assert client.get("/").status_code == 200
    wall.instant += passed
    assert client.get("/").headers["location"] == "/sign-in"


def test_a_form_of_a_session_that_is_over_does_nothing(
    client: TestClient, plane: controlplane.Plane, wall: SettableClock
) -> None:
    token = form_token(client)
    wall.instant += SESSION_LIFE
    answer = client.post("/alerts/2/acknowledge", data={"csrf": token})
    assert answer.status_code == 401
    assert "nothing was done" in answer.text
    assert plane.alert(2).state is AlertState.FIRING


def test_signing_out_ends_the_session_in_the_store_too(client: TestClient, access: Access) -> None:
    secret = client.cookies["controlplane"]
    answer = client.post("/sign-out", data={"csrf": form_token(client)})
    assert answer.headers["location"] == "/sign-in"
    assert access.session(secret) is None
    client.cookies.set("controlplane", secret)
    assert client.get("/").status_code == 303


def test_guessing_tokens_is_slowed_down(visitor: TestClient, access: Access, wall: SettableClock) -> None:
    answers = [visitor.post("/sign-in", data={"token": f"guess {number}"}).status_code for number in range(12)]
    assert answers == [401] * 10 + [429] * 2
    assert visitor.get("/api/v1/sla", headers={"authorization": "Bearer guess"}).status_code == 429
    right = {"token": access.new_token("you")}
    refused = visitor.post("/sign-in", data=right)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "61")
    wall.instant += timedelta(minutes=1)
    assert visitor.post("/sign-in", data=right).status_code == 303


# what comes from elsewhere


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8765", ""])
@pytest.mark.parametrize("path", ["/", "/api/v1/sla", "/static/style.css", "/healthz"])
def test_a_rebound_name_is_not_served(visitor: TestClient, host: str, path: str) -> None:
    assert visitor.get(path, headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "[::1]:8765", "LOCALHOST"])
def test_this_machines_own_names_are_served(visitor: TestClient, host: str) -> None:
    assert visitor.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}],
    ids=str,
)
def test_a_form_from_another_site_does_nothing(client: TestClient, plane: controlplane.Plane, headers: dict[str, str]) -> None:
    answer = client.post("/alerts/2/acknowledge", data={"csrf": form_token(client)}, headers=headers)
    assert answer.status_code == 403
    assert plane.alert(2).state is AlertState.FIRING


@pytest.mark.parametrize("csrf", [None, "", "0" * 64, "ä"], ids=["none", "empty", "another's", "no token"])
@pytest.mark.parametrize("path", ["/alerts/2/acknowledge", "/alerts/2/silence", "/silences/1/end", "/sign-out"])
def test_a_form_without_its_token_does_nothing(
    client: TestClient, plane: controlplane.Plane, path: str, csrf: str | None
) -> None:
    answer = client.post(path, data={} if csrf is None else {"csrf": csrf, "hours": "1", "reason": "x"})
    assert answer.status_code == 403
    assert plane.alert(2).state is AlertState.FIRING
    assert not plane.silences()
    assert client.get("/").status_code == 200


def test_the_token_of_another_session_is_none(client: TestClient, app: FastAPI, access: Access) -> None:
    other = TestClient(app, base_url=HERE, follow_redirects=False)
    follow(other, access.new_link("other"))
    assert client.post("/sign-out", data={"csrf": form_token(other)}).status_code == 403


# what browsers are told


@pytest.mark.parametrize("path", ["/", "/sign-in", "/nothing", "/api/v1/sla", "/healthz", "/alerts/99999"])
def test_every_answer_carries_the_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'self'; frame-ancestors 'none'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert headers["cache-control"] == "no-store"


def test_static_files_are_kept_by_their_digest(visitor: TestClient) -> None:
    address = re.search(r'href="(/static/style\.css\?v=\w{12})"', visitor.get("/sign-in").text)
    assert address is not None
    answer = visitor.get(address[1])
    assert "immutable" in answer.headers["cache-control"]
    assert len(answer.content) <= 20_480
    assert visitor.get("/static/../app.py").status_code == 404
    assert len(visitor.get("/static/live.js").content) <= 20_480


def test_the_theme_is_remembered_without_a_session(visitor: TestClient) -> None:
    answer = visitor.post("/theme", data={"theme": "dark", "to": "/sign-in"})
    assert answer.status_code == 303
    assert '<html lang="en" data-theme="dark">' in visitor.get("/sign-in").text
    visitor.post("/theme", data={"theme": "<script>"})
    assert '<html lang="en">' in visitor.get("/sign-in").text


def test_a_body_without_end_is_refused(client: TestClient) -> None:
    assert (
        client.post(
            "/theme", content=b"x" * 1_100_000, headers={"content-type": "application/x-www-form-urlencoded"}
        ).status_code
        == 413
    )


# what pages say


def test_the_board_answers_first_and_gives_the_numbers(client: TestClient) -> None:
    text = words(client.get("/").text)
    assert "2 of 6 promises are broken" in text
    assert "bi reads gold.fact_orders that is 6 h 20 min old (6 h promised)." in text
    assert "1 no evidence, 1 predicted, 1 slow burn, 1 kept, 1 not applicable" in text
    assert "82 of 216 min" in text
    assert "Watcher: never evaluated" in text
    assert text.index("Nobody evaluates the promises") < text.index("P3")


def test_the_board_can_be_filtered_by_link(client: TestClient) -> None:
    text = words(client.get("/?consumer=ml&state=slow_burn").text)
    assert "gold.dim_customer" in text
    assert "1 to 1 of 1" in text
    assert "silver.payments 99.5 %" not in text
    assert "No promise matches" in client.get("/?consumer=nobody").text


@pytest.mark.parametrize("query", ["?tier=9", "?state=nonsense", "?tier=1&page=7"])
def test_a_board_asked_in_vain_is_still_a_page(client: TestClient, query: str) -> None:
    assert client.get(f"/{query}").status_code == 200


@pytest.mark.parametrize("query", ["?page=0", "?page=x", "?page=99999999999"])
def test_an_address_that_cannot_be_used_says_which_part(client: TestClient, query: str) -> None:
    answer = client.get(f"/{query}")
    assert answer.status_code == 400
    assert "page:" in words(answer.text)


def test_alerts_come_worst_first_and_can_be_chosen(client: TestClient) -> None:
    text = words(client.get("/alerts").text)
    assert "5 open alerts" in text
    assert text.index("status.status_known fails on silver.orders") < text.index("silver.payments is about to break a promise")
    only = words(client.get("/alerts?priority=P2&dataset=silver.payments").text)
    assert "1 open alert, P2 on silver.payments" in only


def test_an_alert_says_why_it_matters_who_is_hit_and_where_its_rows_are(client: TestClient, plane: controlplane.Plane) -> None:
    found = next(alert for alert in plane.alerts(state="open").alerts if alert.dataset == "silver.orders")
    page = client.get(f"/alerts/{found.alert_id}").text
    text = words(page)
    assert "raised one step: tier 1 (gold.fact_orders reads it)" in text
    assert "gold.fact_orders" in text
    assert "promised to bi" in text
    check = re.search(r'href="(/datasets/silver\.orders/checks/[^"]+)"', page)
    assert check is not None
    assert client.get(check[1]).status_code == 200


def test_acknowledging_is_kept_with_name_and_comment(client: TestClient, plane: controlplane.Plane) -> None:
    answer = client.post("/alerts/3/acknowledge", data={"csrf": form_token(client), "comment": f"looking {HOSTILE}"})
    assert answer.status_code == 303
    after = client.get("/alerts/3")
    assert "Acknowledged. Nobody is told again" in words(after.text)
    assert "Acknowledged by steward" in words(after.text)
    assert HOSTILE not in after.text
    assert "Nobody is told again until" not in words(client.get("/alerts/3").text)
    assert plane.alert(3).acknowledged_by == "steward"


def test_a_silence_needs_a_reason_and_can_be_ended(client: TestClient, plane: controlplane.Plane) -> None:
    token = form_token(client)
    refused = client.post("/alerts/4/silence", data={"csrf": token, "hours": "4", "reason": "  "})
    assert refused.status_code == 400
    assert "why nobody should be told is missing" in words(refused.text)
    assert client.post("/alerts/4/silence", data={"csrf": token, "hours": "9999", "reason": "x"}).status_code == 400
    client.post("/alerts/4/silence", data={"csrf": token, "hours": "4", "reason": "known, the source repairs it"})
    silence = plane.silences()[0]
    assert (silence.actor, silence.reason) == ("steward", "known, the source repairs it")
    assert "known, the source repairs it" in client.get("/alerts/4").text
    client.post(f"/silences/{silence.silence_id}/end", data={"csrf": token})
    assert not plane.silences()


def test_nothing_that_was_written_elsewhere_becomes_markup(client: TestClient) -> None:
    for path in ("/", "/alerts", "/alerts/1", f"/alerts?dataset={HOSTILE}", f"/?consumer={HOSTILE}", f"/search?q={HOSTILE}"):
        assert HOSTILE not in client.get(path).text


@pytest.mark.parametrize(
    "path", ["/nothing", "/alerts/99999", "/alerts/x", "/datasets/no.such", "/runs/x", "/alerts/1/acknowledge"]
)
def test_what_is_not_there_is_a_plain_page(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert 400 <= answer.status_code < 500
    assert "Traceback" not in answer.text
    assert "<h1>" in answer.text


# when something is down


class Failing:
    """Service levels of a store that raises whatever it is asked."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def board(self, *_: object, **__: object) -> None:
        raise self.error


def failing(plane: controlplane.Plane, error: Exception, wall: SettableClock, access: Access) -> TestClient:
    ports = replace(plane.ports, service_levels=Failing(error))
    client = TestClient(create_app(controlplane.Plane(ports), base_url=HERE, wall=wall), base_url=HERE, follow_redirects=False)
    client.cookies.set("controlplane", access.sign_in(access.new_token("you")))
    return client


def test_a_store_that_does_not_answer_is_said_with_what_still_holds(
    plane: controlplane.Plane, wall: SettableClock, access: Access
) -> None:
    client = failing(plane, StoreUnavailableError("the store does not answer; check that it runs"), wall, access)
    answer = client.get("/")
    assert answer.status_code == 503
    assert "the store does not answer; check that it runs" in words(answer.text)
    assert "Readers keep the last good snapshot" in words(answer.text)
    problem = client.get("/api/v1/sla")
    assert (problem.status_code, problem.headers["content-type"]) == (503, "application/problem+json")
    assert problem.json()["detail"] == "the store does not answer; check that it runs"


def test_a_defect_shows_no_inside(
    plane: controlplane.Plane, wall: SettableClock, access: Access, caplog: pytest.LogCaptureFixture
) -> None:
    client = failing(plane, ValueError("secret of the house"), wall, access)
    for path in ("/", "/api/v1/sla"):
        answer = client.get(path)
        assert answer.status_code == 500
        assert "secret of the house" not in answer.text
        assert "content-security-policy" in answer.headers
    assert "secret of the house" in caplog.text


# the API


@pytest.fixture
def bearer(access: Access) -> dict[str, str]:
    return {"authorization": f"Bearer {access.new_token('ci')}"}


def test_the_api_mirrors_the_pages(visitor: TestClient, bearer: dict[str, str]) -> None:
    board = visitor.get("/api/v1/sla?state=broken", headers=bearer).json()
    assert [row["dataset"] for row in board["rows"]] == ["gold.fact_orders", "gold.daily_revenue_by_region"]
    assert board["counts"]["broken"] == 2
    alerts = visitor.get("/api/v1/alerts?priority=P2", headers=bearer).json()
    assert alerts["total"] == 2
    assert visitor.get(f"/api/v1/alerts/{alerts['alerts'][0]['alert_id']}", headers=bearer).json()["priority"] == "P2"
    assert visitor.get("/api/v1/datasets?layer=gold", headers=bearer).json()["lines"]
    runs = visitor.get("/api/v1/runs?dataset=silver.orders", headers=bearer).json()["lines"]
    assert visitor.get(f"/api/v1/runs/{runs[0]['run_id']}", headers=bearer).json()["dataset"] == "silver.orders"
    assert visitor.get("/api/v1/health", headers=bearer).json()["state"] in {"never", "ok"}


def test_acknowledging_by_the_api_needs_a_token_not_a_session(
    client: TestClient, plane: controlplane.Plane, bearer: dict[str, str]
) -> None:
    assert client.get("/api/v1/sla").status_code == 200
    assert client.post("/api/v1/alerts/5/acknowledge", json={}).status_code == 401
    assert (
        client.post("/api/v1/alerts/5/acknowledge", json={"comment": "on it"}, headers=bearer).json()["acknowledged_by"] == "ci"
    )
    assert plane.alert(5).state is AlertState.ACKNOWLEDGED


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/sla?tier=9", 422),
        ("/api/v1/alerts?state=nonsense", 422),
        ("/api/v1/runs/x", 400),
        ("/api/v1/nothing", 404),
        ("/api/v1/sla?limit=100000", 422),
    ],
)
def test_the_api_answers_problems(visitor: TestClient, bearer: dict[str, str], path: str, status: int) -> None:
    answer = visitor.get(path, headers=bearer)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) >= {"type", "title", "status", "detail"}


def test_the_openapi_document_describes_every_operation(visitor: TestClient, bearer: dict[str, str]) -> None:
    described = visitor.get("/api/openapi.json", headers=bearer).json()
    assert {"/api/v1/sla", "/api/v1/alerts", "/api/v1/alerts/{alert_id}/acknowledge", "/api/v1/runs/{run_id}"} <= set(
        described["paths"]
    )
    assert not [path for path in described["paths"] if not path.startswith("/api/v1/")]
    assert described["components"]["securitySchemes"]


def words(html: str) -> str:
    """Return a page's text, on one line, with plain spaces."""
    text = re.sub(r"<[^>]+>", " ", re.sub(r"<(head|svg)\b.*?</\1>", "", html, flags=re.DOTALL))
    text = text.replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">").replace("\N{NO-BREAK SPACE}", " ")
    return re.sub(r"\s+([.,;:)])", r"\1", re.sub(r"\s+", " ", text))
