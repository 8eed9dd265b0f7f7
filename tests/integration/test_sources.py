"""The reference platform's sources on the real data: what lands on disk, counted again without the generator's own counting."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml

from controlplane.contracts.loading import load_contracts
from controlplane.contracts.model import DatasetSpec
from controlplane.usecases.sql_subset import check_select, tables_of
from pipelines.expected import EXPECTED, story_of
from pipelines.fortnight import FORTNIGHT, FORTNIGHT_DAYS
from pipelines.sources import CANARIES, EVENT_TOPICS, HORIZON_DAYS, TABLES, TOPICS, Emission, Window, build_window
from pipelines.sources.journey import SourceDataMissingError, read_journey
from pipelines.sources.people import EMAIL_PATTERN
from pipelines.telling import fact_table, fault_table, stream_fact_table, stream_table, topic_table

ROOT = Path(__file__).parents[2]
QUIET = timedelta(hours=2)


@dataclass(frozen=True)
class Landed:
    """A window delivered step by step into a folder."""

    window: Window
    folder: Path
    emissions: list[Emission]
    read: dict[str, list[dict[str, Any]]]

    def records(self, table: str) -> list[dict[str, Any]]:
        """Every line of a topic, in file and line order."""
        return self.read[table]

    def events(self, table: str) -> list[dict[str, Any]]:
        """Change events of a topic, each once, by log position."""
        values = {record["offset"]: record for record in self.records(table) if record["value"] is not None}
        return sorted(values.values(), key=lambda record: (record["value"]["source"]["lsn"], record["offset"]))

    def stream(self, name: str) -> list[dict[str, Any]]:
        """Records of a stream whose value is an event with an id and a time of the days, in file and line order."""
        lines = [line for file in self.files(name) for line in file.read_text(encoding="utf-8").splitlines()]
        return [record for line in lines if (record := sound(line)) is not None]

    def files(self, name: str) -> list[Path]:
        """Files of a stream, in the order they came."""
        return sorted((self.folder / EVENT_TOPICS[name]).glob("*.jsonl"))

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Rows that exist at the end."""
        state: dict[str, dict[str, Any]] = {}
        for record in self.events(table):
            state[json.dumps(record["key"])] = record["value"]["after"]
        return [row for row in state.values() if row is not None]


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Landed:
    window = build_window()
    folder = tmp_path_factory.mktemp("landing")
    emissions = [window.emit_until(folder, step) for step in window.steps]
    return Landed(window, folder, emissions, {table: read(folder, table) for table in TABLES})


def read(folder: Path, table: str) -> list[dict[str, Any]]:
    files = sorted((folder / TOPICS[table]).glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def sound(line: str) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads(line)
        value = record["value"]
        at = datetime.fromisoformat(value["timestamp"])
    except (ValueError, KeyError, TypeError):
        return None
    return record if "event_id" in value and at.year == 2017 else None


def test_the_feed_is_the_expected_one(landed: Landed) -> None:
    assert landed.window.facts == EXPECTED


def test_the_documentation_shows_the_expected_numbers() -> None:
    text = (ROOT / "docs" / "demo.md").read_text(encoding="utf-8")
    assert topic_table(FORTNIGHT) in text
    assert fact_table(FORTNIGHT) in text
    assert fault_table(story_of(FORTNIGHT_DAYS, FORTNIGHT)) in text
    assert stream_table(FORTNIGHT) in text
    assert stream_fact_table(FORTNIGHT) in text


@pytest.mark.parametrize("table", TABLES)
def test_the_files_hold_the_records_counted(landed: Landed, table: str) -> None:
    facts = EXPECTED.topics[table]
    records = landed.records(table)
    offsets = Counter(record["offset"] for record in records)
    ops = Counter(record["value"]["op"] for record in landed.events(table))
    assert len(records) == facts.lines == sum(emission.rows[TOPICS[table]] for emission in landed.emissions)
    assert sum(record["value"] is None for record in records) == facts.tombstones
    assert sum(count - 1 for count in offsets.values()) == facts.redelivered
    assert (ops["r"], ops["c"], ops["u"], ops["d"]) == (facts.snapshot, facts.inserts, facts.updates, facts.deletes)
    assert len(landed.events(table)) == facts.events
    assert sorted(offsets) == list(range(len(offsets)))


@pytest.mark.parametrize("table", TABLES)
def test_a_record_delivered_again_stands_in_a_later_file(landed: Landed, table: str) -> None:
    first: dict[int, tuple[str, str]] = {}
    for file in sorted((landed.folder / TOPICS[table]).glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            offset = json.loads(line)["offset"]
            name, seen = first.setdefault(offset, (file.name, line))
            assert line == seen
            assert line is seen or name < file.name


@pytest.mark.parametrize("name", EVENT_TOPICS)
def test_the_files_hold_the_events_counted(landed: Landed, name: str) -> None:
    facts = (EXPECTED.clicks if name == "clicks" else EXPECTED.payments).stream
    records = landed.stream(name)
    offsets = {record["offset"]: record["value"]["event_id"] for record in records}
    first: dict[str, datetime] = {}
    for file in landed.files(name):
        step = datetime.strptime(file.name.partition("-")[0], "%Y%m%dT%H%M").replace(tzinfo=UTC)
        for line in file.read_text(encoding="utf-8").splitlines():
            record = sound(line)
            if record is not None:
                first.setdefault(record["value"]["event_id"], step)
    times = {record["value"]["event_id"]: datetime.fromisoformat(record["value"]["timestamp"]) for record in records}
    assert sum(emission.rows[EVENT_TOPICS[name]] for emission in landed.emissions) == facts.lines
    assert len(set(offsets.values())) == facts.events
    assert len(offsets) == facts.rows
    assert len(records) - len(offsets) == facts.redelivered
    assert facts.lines - len(records) == facts.malformed
    before = landed.window.start
    assert sum(first[one] - max(at, before) > timedelta(hours=4) for one, at in times.items()) == facts.late


def test_clicks_are_those_counted(landed: Landed) -> None:
    records = {record["offset"]: record["value"] for record in landed.stream("clicks")}
    unknown = [value for value in records.values() if value["event_type"] == "hover"]
    known = {value["event_id"]: value for value in records.values() if value["event_type"] != "hover"}
    users: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for value in known.values():
        users[value["user_id"]].append((datetime.fromisoformat(value["timestamp"]), value["event_type"]))
    sessions: list[list[str]] = []
    for events in users.values():
        last: datetime | None = None
        for at, kind in sorted(events):
            if last is None or at - last > timedelta(minutes=30):
                sessions.append([])
            sessions[-1].append(kind)
            last = at
    orders = {row["order_id"] for row in landed.rows("orders")}
    bought = [value["metadata"]["order_id"] for value in known.values() if value["event_type"] == "purchase"]
    assert (len(unknown), len(known)) == (EXPECTED.clicks.unknown_types, EXPECTED.clicks.clicks)
    assert sum("@" in value["page_url"].partition("?")[0] for value in known.values()) == EXPECTED.clicks.removed_paths
    assert (len(sessions), sum("purchase" in one for one in sessions)) == (EXPECTED.clicks.sessions, EXPECTED.clicks.purchasing)
    assert len(bought) == len(set(bought)) == EXPECTED.clicks.purchases
    assert len(set(bought) - orders) <= EXPECTED.topics["orders"].deletes


def test_payments_are_those_counted(landed: Landed) -> None:
    last: dict[str, dict[str, Any]] = {}
    for record in sorted(landed.stream("payments"), key=lambda record: record["value"]["timestamp"]):
        last[record["value"]["payment_id"]] = record["value"]
    amounts = {row["order_id"]: row["amount"] for row in landed.rows("orders")}
    captured = {payment for payment, value in last.items() if value["status"] != "authorised"}
    refunded = {payment for payment in captured if last[payment]["status"] != "captured"}
    assert Counter(value["status"] for value in last.values()) == EXPECTED.payments.payments
    assert sum(Decimal(last[payment]["amount"]) for payment in captured) == EXPECTED.payments.captured
    assert sum(Decimal(last[payment]["amount"]) for payment in refunded) == EXPECTED.payments.refunded
    assert all(amounts[value["order_id"]] == value["amount"] for value in last.values())
    assert {order for order, amount in amounts.items() if amount != "0.00"} == {value["order_id"] for value in last.values()}


def test_natural_defects_are_those_of_the_data(landed: Landed) -> None:
    data = read_journey(landed.window.start.date(), 2)
    known = {product["product_id"] for product in data.products}
    lines = [record["value"]["after"] for record in landed.events("order_items") if record["value"]["op"] == "c"]
    assert len(lines) == sum(len(basket.lines) for basket in data.baskets) == 8404
    assert sum(line["product_id"] not in known for line in lines) == EXPECTED.unknown_products
    assert sum(line["quantity"] <= 0 for line in lines) == EXPECTED.non_positive_quantity
    assert sum(line["quantity"] <= 0 or line["product_id"] not in known for line in lines) == EXPECTED.defective_lines


def test_an_orders_amount_is_the_sum_of_its_lines_to_the_cent(landed: Landed) -> None:
    sums: Counter[int] = Counter()
    for line in landed.rows("order_items"):
        sums[line["order_id"]] += int(Decimal(line["sales_value"]) * 100)
    orders = landed.rows("orders")
    assert {order["order_id"]: int(Decimal(order["amount"]) * 100) for order in orders} == dict(sums)
    assert sum(sums.values()) == int(EXPECTED.amount * 100)
    assert sum(Decimal(order["amount"]) for order in orders if order["status"] != "cancelled") == EXPECTED.revenue
    assert Counter(order["status"] for order in orders) == EXPECTED.orders


def test_customers_and_products_are_the_real_ones(landed: Landed) -> None:
    customers = {record["key"]["customer_id"] for record in landed.events("customers")}
    assert customers <= set(read_journey(landed.window.start.date(), 1).households)
    assert len(landed.rows("customers")) == EXPECTED.customers
    assert len(landed.rows("products")) == EXPECTED.products
    assert EXPECTED.topics["products"].snapshot == 92_331


def test_invalid_addresses_are_those_planted(landed: Landed) -> None:
    states = [record["value"]["after"] for record in landed.events("customers") if record["value"]["after"]]
    invalid = [state for state in states if not EMAIL_PATTERN.fullmatch(state["email"])]
    left = [row for row in landed.rows("customers") if not EMAIL_PATTERN.fullmatch(row["email"])]
    assert len(invalid) == EXPECTED.invalid_email_events
    assert len(left) == EXPECTED.invalid_email_customers
    assert len(states) - len(invalid) == EXPECTED.customer_versions
    assert len(landed.rows("customers")) - len(left) == EXPECTED.published_customers


def test_late_records_are_overtaken_as_counted(landed: Landed) -> None:
    overtaken = 0
    for table in TABLES:
        newest: dict[str, int] = {}
        seen: set[int] = set()
        for record in landed.records(table):
            if record["value"] is None or record["offset"] in seen:
                continue
            seen.add(record["offset"])
            key, lsn = json.dumps(record["key"]), record["value"]["source"]["lsn"]
            overtaken += lsn < newest.get(key, -1)
            newest[key] = max(lsn, newest.get(key, -1))
    assert overtaken == EXPECTED.overtaken


def test_stock_is_what_was_counted_and_never_below_nothing(landed: Landed) -> None:
    quantities = [record["value"]["after"]["quantity"] for record in landed.events("inventory")]
    assert min(quantities) >= 0
    rows = landed.rows("inventory")
    assert (len(rows), sum(row["quantity"] for row in rows)) == (EXPECTED.stocks, EXPECTED.pieces)


def test_promotions_are_those_of_the_data_with_their_second_places(landed: Landed) -> None:
    promotions = read_journey(landed.window.start.date(), HORIZON_DAYS).promotions
    rows = landed.rows("promotions")
    real = {(one.product_id, one.store_id, one.display_location, one.mailer_location) for one in promotions if one.week == 42}
    assert {(row["product_id"], row["store_id"], row["display_location"], row["mailer_location"]) for row in rows} == real
    places = {(row["product_id"], row["store_id"], row["week"]) for row in rows}
    assert (len(rows), len(rows) - len(places)) == (EXPECTED.promotions, EXPECTED.promotions_in_two_places)


def test_canaries_are_in_the_feed(landed: Landed) -> None:
    text = "\n".join(json.dumps(record) for record in [*landed.events("customers"), *landed.stream("clicks")])
    for canary in CANARIES:
        assert all(value in text for value in canary.values)


def test_canary_values_are_nowhere_else_in_the_feed(landed: Landed) -> None:
    ids = set(landed.window.canaries.values())
    others = [record for record in landed.events("customers") if record["key"]["customer_id"] not in ids]
    others += [*landed.events("orders"), *landed.events("order_items"), *landed.events("products")]
    text = "\n".join(json.dumps(record["value"]) for record in others)
    assert not [value for canary in CANARIES for value in canary.values if value in text]


def test_at_every_step_some_order_changed_within_two_hours(landed: Landed) -> None:
    for emission in landed.emissions:
        newest = max(at for at in landed.window.feeds["orders"].arrivals if at <= emission.instant)
        assert emission.instant - newest < QUIET


def test_the_manifest_moves_at_every_step_even_without_rows(landed: Landed, tmp_path: Path) -> None:
    for step in landed.window.steps[:2]:
        landed.window.emit_until(tmp_path, step)
        for topic in (*TOPICS.values(), *EVENT_TOPICS.values()):
            manifest = json.loads((tmp_path / topic / "_manifest.json").read_text(encoding="utf-8"))
            assert datetime.fromisoformat(manifest["watermark"]) == step
    quiet = landed.window.steps[1] + timedelta(milliseconds=2)
    landed.window.emit_until(tmp_path, quiet - timedelta(milliseconds=1))
    emission = landed.window.emit_until(tmp_path, quiet)
    assert set(emission.rows.values()) == {0}
    assert emission.files == ()
    assert '"watermark": "2017-10-09T08:00:00.002Z"' in (tmp_path / TOPICS["orders"] / "_manifest.json").read_text()


def test_delivery_goes_on_where_the_folder_says_it_stopped(landed: Landed, tmp_path: Path) -> None:
    for instant in (landed.window.steps[4], landed.window.steps[4], landed.window.steps[6], landed.window.end):
        landed.window.emit_until(tmp_path, instant)
    for table in TABLES:
        assert read(tmp_path, table) == landed.records(table)


def test_delivering_the_same_step_again_changes_nothing(landed: Landed) -> None:
    before = {file: file.read_bytes() for file in landed.folder.rglob("*") if file.is_file()}
    emission = landed.window.emit_until(landed.folder, landed.window.end)
    assert emission.files == ()
    assert {file: file.read_bytes() for file in landed.folder.rglob("*") if file.is_file()} == before


def test_files_are_named_after_their_step_and_none_is_left_half_written(landed: Landed) -> None:
    names = sorted(file.name for file in (landed.folder / TOPICS["products"]).iterdir())
    assert names[:3] == ["20171009T0400-000.jsonl", "20171009T0400-001.jsonl", "20171009T0800-000.jsonl"]
    assert names[-1] == "_manifest.json"
    assert not list(landed.folder.rglob("*.tmp"))


def test_a_day_without_purchases_is_refused() -> None:
    with pytest.raises(SourceDataMissingError, match=r"no purchase in the 2 days from 2019-01-01"):
        read_journey(datetime(2019, 1, 1, tzinfo=UTC).date(), 2)


def test_products_of_the_feed_are_the_rows_of_the_data(landed: Landed) -> None:
    sample = {record["key"]["product_id"]: record["value"]["after"] for record in landed.events("products")[:500]}
    for product in read_journey(landed.window.start.date(), 1).products[:500]:
        assert {name: sample[product["product_id"]][name] for name in product} == product


@pytest.fixture(scope="module")
def datasets() -> dict[str, DatasetSpec]:
    contracts = load_contracts([ROOT / "pipelines" / "contracts"])
    assert not [warning for contract in contracts for warning in contract.warnings]
    return {spec.name: spec for contract in contracts for spec in contract.datasets}


@pytest.fixture(scope="module")
def pipelines() -> list[dict[str, Any]]:
    return list(yaml.safe_load((ROOT / "controlplane.yaml").read_text(encoding="utf-8"))["pipelines"])


def test_every_dataset_has_one_pipeline_and_every_field_a_description(
    datasets: dict[str, DatasetSpec], pipelines: list[dict[str, Any]]
) -> None:
    assert sorted(pipeline["dataset"] for pipeline in pipelines) == sorted(datasets)
    assert not [f"{spec.name}.{field.name}" for spec in datasets.values() for field in spec.fields if not field.description]


def test_every_select_returns_the_fields_of_its_contract(
    datasets: dict[str, DatasetSpec], pipelines: list[dict[str, Any]]
) -> None:
    schemas = {name: {field.name: field.type for field in spec.fields} for name, spec in datasets.items()}
    for pipeline in (one for one in pipelines if "sql" in one):
        text = (ROOT / pipeline["sql"]).read_text(encoding="utf-8")
        assert check_select(text, file=pipeline["sql"], schemas=schemas) == []
        spec = datasets[pipeline["dataset"]]
        extra = {"op"} if spec.write_mode.delete_when else set()
        expected = {field.name for field in spec.fields} - set(spec.write_mode.interval_fields) | extra
        assert set(sqlglot.parse_one(text, read="databricks").named_selects) == expected


def test_pipelines_stand_in_the_order_of_lineage_and_declare_what_they_read(
    datasets: dict[str, DatasetSpec], pipelines: list[dict[str, Any]]
) -> None:
    made: list[str] = []
    for pipeline in pipelines:
        inputs = pipeline.get("inputs", {})
        assert set(inputs) <= set(made)
        if "sql" in pipeline:
            read = tables_of((ROOT / pipeline["sql"]).read_text(encoding="utf-8"))
            assert {name for name, role in inputs.items() if role != "reference"} == read
        spec = datasets[pipeline["dataset"]]
        rules = [*spec.rules, *(rule for field in spec.fields for rule in field.rules)]
        assert {str(rule.arguments["to"]) for rule in rules if "to" in rule.arguments} <= set(inputs)
        made.append(pipeline["dataset"])


def test_the_topics_of_the_pipelines_are_those_of_the_sources(pipelines: list[dict[str, Any]]) -> None:
    topics = [pipeline["source"]["topic"] for pipeline in pipelines if "source" in pipeline]
    assert topics == [*TOPICS.values(), *EVENT_TOPICS.values()]
