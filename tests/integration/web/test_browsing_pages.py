"""Pages over a shop on a bad day: what they say is what the plane knows, and nothing personal is on any of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from shutil import copytree

import pytest
from starlette.testclient import TestClient

import controlplane
from controlplane.gate.model import KeptKind
from controlplane.usecases.sign_in import Access
from controlplane.web.app import create_app
from tests.integration.busy_shop import CLEAR, make_busy_shop, open_busy_shop

HERE = "http://127.0.0.1:8765"
STATUS = "silver.orders.status.status_known"
STEWARD = "steward@example.org"
EMAIL = "silver.customers.email.email_valid"


class Sheet(HTMLParser):
    """A page as a reader has it: its text, headings, links, forms and table rows."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.h1 = ""
        self.texts: list[str] = []
        self.links: list[str] = []
        self.rows: list[str] = []
        self.elements = 0
        self._open: list[str] = []
        self.feed(html.replace("<wbr>", ""))
        self.text, self.h1 = squeezed(" ".join(self.texts)), squeezed(self.h1)
        self.rows = [squeezed(row) for row in self.rows]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements += 1
        given = dict(attributes)
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        if tag == "tr":
            self.rows.append("")
        if tag not in {"input", "meta", "link", "br", "path", "use", "rect", "circle"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if "h1" in self._open:
            self.h1 += data
        if "tr" in self._open:
            self.rows[-1] += f" {data}"

    def row(self, text: str) -> str:
        """Return the first table row that has a text."""
        return next(row for row in self.rows if text in row)

    def field(self, name: str) -> str:
        """Return the value of a hidden field."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.html)
        assert found
        return found[1]


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\N{NO-BREAK SPACE}", " ")).strip()


class Visitor:
    def __init__(self, plane: controlplane.Plane) -> None:
        self.client = TestClient(create_app(plane), base_url=HERE, follow_redirects=False)
        link = Access(plane.ports).new_link(subject=STEWARD)
        token = Sheet(self.client.get(link).text).field("token")
        assert self.client.post("/sign-in/once", data={"token": token}, headers={"origin": HERE}).status_code == 303

    def see(self, path: str, status: int = 200) -> Sheet:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        assert len(answer.content) <= 60_000
        page = Sheet(answer.text)
        assert page.elements <= 1_500
        for clear in CLEAR:
            assert clear not in answer.text
        return page

    def send(self, path: str, page: Sheet, **fields: object) -> tuple[int, str]:
        answer = self.client.post(path, data={"csrf": page.field("csrf"), **fields}, headers={"origin": HERE})
        return answer.status_code, answer.headers.get("location", answer.text)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_busy_shop(tmp_path_factory.mktemp("shop") / "project")


@pytest.fixture(scope="module")
def plane(shop: Path) -> Iterator[controlplane.Plane]:
    with open_busy_shop(shop) as plane:
        yield plane


@pytest.fixture(scope="module")
def visitor(plane: controlplane.Plane) -> Visitor:
    return Visitor(plane)


@pytest.fixture
def own(shop: Path, tmp_path: Path) -> Iterator[controlplane.Plane]:
    """A copy of the shop to change; the tables' metadata names their place, so only the store's part of it can be used."""
    copytree(shop, tmp_path / "project")
    with open_busy_shop(tmp_path / "project") as plane:
        yield plane


def test_the_list_of_datasets_begins_with_what_needs_a_person(visitor: Visitor) -> None:
    page = visitor.see("/datasets")
    assert page.h1 == "1 dataset holds a batch back, the newest run of 1 other failed"
    assert page.rows[1].startswith("silver.orders sales-data held silver, tier 1 50 13:00")
    assert "11 rows since 14:00" in page.rows[1]
    assert "1 waiting" in page.rows[1]
    assert page.rows[2].startswith("gold.dim_date bi-data run failed")
    assert "2 in quarantine" in page.row("silver.customers")
    assert "1 dead letter" in page.row("bronze.cdc_orders")


def test_the_list_of_datasets_is_filtered_by_its_address(visitor: Visitor) -> None:
    assert [row.split()[0] for row in visitor.see("/datasets?state=held").rows[1:]] == ["silver.orders"]
    assert [row.split()[0] for row in visitor.see("/datasets?layer=silver&owner=crm-data").rows[1:]] == ["silver.customers"]
    assert [row.split()[0] for row in visitor.see("/datasets?q=CDC_ord&tier=1").rows[1:]] == ["bronze.cdc_orders"]
    assert "Nothing among" in visitor.see("/datasets?q=nothing-like-it").text


def test_a_dataset_says_what_readers_see_and_what_is_held(visitor: Visitor) -> None:
    page = visitor.see("/datasets/silver.orders")
    assert page.h1 == "silver.orders"
    assert "Readers see the batch of 13:00 . The batch of 14:00 is held : 1 blocking check failed." in page.text
    assert "Rows readers see 50 +10 in the last batch" in page.text
    assert "State held 11 rows since 14:00" in page.text
    assert "14:00 11 held 2 aside 1 wait not decided" in page.text
    failed = page.row("status is one of placed, paid, shipped, delivered, cancelled")
    assert "failed 2 rows aside 2 rows of 11 rows 0 rows 2 of 11 rows have a status other than" in failed
    assert f"/datasets/silver.orders/checks/{STATUS}" in page.links
    assert page.html.count('<svg class="marks"') >= 5


def test_a_dataset_shows_labels_masking_and_neighbours(visitor: Visitor) -> None:
    page = visitor.see("/datasets/silver.customers")
    assert "email" in page.row("customer-email")
    assert "keyed token, domain customer-email" in page.text
    assert "cut to its year" in page.row("birth_date")
    orders = visitor.see("/datasets/silver.orders")
    assert "until 30 Jun 2027: surrogate key without outside meaning by privacy" in orders.text
    assert "Built from bronze.cdc_orders published silver.customers published" in orders.text
    assert "gold.dim_date run failed" in orders.text


def test_a_failed_run_is_named_with_its_reason(visitor: Visitor) -> None:
    page = visitor.see("/datasets/gold.dim_date")
    assert "Readers see nothing yet . The run of 14:00 failed :" in page.text
    assert "no_such_column" in page.text


def test_from_a_failing_check_one_sees_its_masked_rows_at_once(visitor: Visitor) -> None:
    page = visitor.see(f"/datasets/silver.orders/checks/{STATUS}")
    assert page.h1 == "status is one of placed, paid, shipped, delivered, cancelled"
    assert "It failed on the batch of 14:00 : 2 of 11 rows" in page.text
    assert "That batch is held ; readers do not see it." in page.text
    assert page.html.count("teleported") == 2
    assert "3 newest results: 1 failed , 2 passed" in page.text
    assert "0 of 41" in page.row("12:00")


def test_rows_of_masked_fields_carry_the_lock_and_no_clear_value(visitor: Visitor) -> None:
    for path in (
        f"/datasets/silver.customers/checks/{EMAIL}",
        "/quarantine/silver.customers",
        "/quarantine/silver.customers?fields=all",
    ):
        page = visitor.see(path)
        assert page.html.count("#lock") >= 10
        assert "v1.customer-" in page.text


def test_checks_are_listed_with_what_failed_first(visitor: Visitor) -> None:
    page = visitor.see("/checks")
    assert page.h1 == "1 check failed"
    assert page.rows[1].startswith("status is one of placed")
    assert "no evidence" in page.rows[2]
    assert [row for row in visitor.see("/checks?outcome=failed").rows[1:] if "status_known" not in row] == []
    of_one = visitor.see("/checks?dataset=silver.orders&kind=reference")
    assert len(of_one.rows) == 2
    assert "Every customer_id is in silver.customers" in of_one.rows[1]


def test_checks_are_paged(visitor: Visitor) -> None:
    first = visitor.see("/checks")
    assert len(first.rows) == 51
    following = next(link for link in first.links if "page=2" in link)
    second = visitor.see(following)
    assert len(second.rows) == 51
    assert not set(first.rows[1:]) & set(second.rows[1:])


def test_runs_are_listed_newest_first_and_filtered(visitor: Visitor) -> None:
    page = visitor.see("/runs")
    assert page.rows[1].startswith("14:00")
    assert {row.split()[2] for row in visitor.see("/runs?state=held").rows[1:]} == {"silver.orders"}
    assert len(visitor.see("/runs?dataset=silver.orders&since=2017-10-09&until=2017-10-09").rows) == 4
    assert "No run matches" in visitor.see("/runs?since=2017-10-10").text
    visitor.see("/runs?dataset=silver.nothing", 404)
    assert "write it as 2017-10-09" in visitor.see("/runs?since=yesterday", 400).text


def test_a_run_accounts_for_every_row(visitor: Visitor, plane: controlplane.Plane) -> None:
    (held,) = plane.ports.views.held()
    page = visitor.see(f"/runs/{held.run_id}")
    assert page.h1 == "The batch of silver.orders from 14:00 is held"
    assert (
        "Offered 11 would be published 8 in quarantine 2 waiting for their parent 1 dead-lettered 0 Sum 11 Not accounted for 0"
        in page.text
    )
    assert "rows new since last time" in page.row("bronze.cdc_orders")
    assert "Readers then see 8 rows more; 2 rows stay in quarantine, 1 wait on." in page.text


def test_the_quarantine_groups_rows_by_their_cause(visitor: Visitor) -> None:
    page = visitor.see("/quarantine")
    assert page.h1 == "2 rows wait for a decision"
    assert "One @ between a name and a domain with a dot, no blanks" in page.row("email.email_valid")
    assert "1" in page.row("customer_id.customer_known")
    assert "is not a JSON document" in page.row("cdc.public.orders")
    rows = visitor.see("/quarantine/silver.customers")
    assert rows.h1 == "2 rows of silver.customers wait for a decision"
    assert "Every row of the newest batch is accounted for." in rows.text
    assert rows.html.count('name="row"') == 2


def test_waiting_rows_can_be_seen_and_not_decided(visitor: Visitor) -> None:
    page = visitor.see("/quarantine/silver.orders")
    assert page.h1 == "No row of silver.orders waits for a decision"
    assert "waiting" in page.row("customer_id.customer_known")
    assert 'name="row"' not in page.html


def test_what_is_not_there_is_said_with_the_next_step(visitor: Visitor) -> None:
    assert "silver.orders" in visitor.see("/datasets/silver.oders", 404).text
    visitor.see("/datasets/silver.orders/checks/nothing", 404)
    visitor.see("/runs/nothing", 404)
    assert "No batch was judged yet" in visitor.see("/datasets/silver.products").text
    assert "Nothing of silver.products is set aside" in visitor.see("/quarantine/silver.products").text
    assert "is not complete" in visitor.see("/quarantine/silver.customers?after=nonsense", 400).text


def test_search_lists_and_opens_a_single_hit(visitor: Visitor) -> None:
    page = visitor.see("/search?q=orders")
    assert page.rows[1].startswith("bronze.cdc_orders") or page.rows[1].startswith("silver.orders dataset")
    answer = visitor.client.get("/search?q=orders+status_known")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/datasets/silver.orders/checks/{STATUS}")
    answer = visitor.client.get("/search?q=%3Cscript%3Ealert(1)%3C/script%3E")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text


def test_rows_are_retried_and_discarded_with_a_reason_in_the_name_of_the_visitor(own: controlplane.Plane) -> None:
    visitor = Visitor(own)
    page = visitor.see(f"/quarantine/silver.customers?kind=quarantined&reasons={EMAIL}")
    first, second = re.findall(r'name="row" value="([0-9a-f]+)"', page.html)
    status, words = visitor.send("/quarantine/silver.customers", page, act="discard", row=first)
    assert (status, "why nobody needs these rows is missing" in words) == (400, True)
    assert visitor.send("/quarantine/silver.customers", page, act="discard", row=first, reason="a test account")[0] == 303
    assert "1 row of silver.customers discarded" in squeezed(visitor.see("/quarantine/silver.customers").text)
    assert visitor.send("/quarantine/silver.customers", page, act="retry", scope="all", reasons=EMAIL)[0] == 303
    assert "1 of 1 try again in the next run" in visitor.see("/quarantine").row("email.email_valid")
    retried, discarded = own.ports.audit_log.entries("silver.customers")
    assert (discarded.verb, discarded.reason, discarded.after) == ("quarantine.discard", "a test account", f"1 rows: {first}")
    assert (retried.verb, retried.after) == ("quarantine.retry", "1 rows")
    assert discarded.actor == retried.actor == STEWARD
    assert [row.row_id for row in own.ports.kept_rows.reentering(own.ports.platform.governed("silver.customers").id)] == [
        second
    ]


def test_a_form_without_its_token_or_rows_does_nothing(own: controlplane.Plane) -> None:
    visitor = Visitor(own)
    page = visitor.see("/quarantine/silver.customers")
    answer = visitor.client.post("/quarantine/silver.customers", data={"act": "retry", "row": "x"}, headers={"origin": HERE})
    assert answer.status_code == 403
    assert visitor.send("/quarantine/silver.customers", page, act="retry")[0] == 400
    assert visitor.send("/quarantine/silver.customers", page, act="burn", row="x")[0] == 400
    assert visitor.send("/quarantine/silver.customers", page, act="discard", row="x", reason="gone")[0] == 400
    assert sum(group.rows for group in own.ports.views.groups("silver.customers") if group.kind is KeptKind.QUARANTINED) == 2
    assert own.ports.audit_log.entries("silver.customers") == []


def test_a_held_batch_is_released_under_a_reason_and_readers_see_it(visitor: Visitor, plane: controlplane.Plane) -> None:
    """Stands last: it changes the shop that the other tests look at."""
    (held,) = plane.ports.views.held()
    page = visitor.see(f"/runs/{held.run_id}")
    status, words = visitor.send(f"/runs/{held.run_id}/release", page, reason="  ")
    assert (status, "why readers may have this batch all the same is missing" in words) == (400, True)
    status, where = visitor.send(f"/runs/{held.run_id}/release", page, reason="the source has confirmed it")
    assert (status, where) == (303, f"/runs/{held.run_id}")
    page = visitor.see(where)
    assert page.h1 == "The batch of silver.orders from 14:00 is published"
    assert "Released. Readers of silver.orders see this batch." in page.text
    assert f"Released by {STEWARD} the source has confirmed it" in page.text
    assert visitor.send(f"/runs/{held.run_id}/release", page, reason="again")[0] == 400
    dataset = visitor.see("/datasets/silver.orders")
    assert "Readers see the batch of 14:00 ." in dataset.text
    assert "Rows readers see 58 +8 in the last batch" in dataset.text
    assert visitor.see("/datasets").h1 == "The newest run of 1 dataset failed"
