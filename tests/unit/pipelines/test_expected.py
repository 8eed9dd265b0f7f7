from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from pipelines.expected import (
    EXPECTED,
    Noticed,
    Story,
    alert_differences,
    differences,
    expected_balance,
    expected_rows,
    fault_differences,
    story_of,
    table_differences,
)
from pipelines.fortnight import FORTNIGHT, FORTNIGHT_DAYS

SUMS = {
    "amount": EXPECTED.amount,
    "revenue": EXPECTED.revenue,
    "revenue by region": EXPECTED.revenue,
    "revenue by cohort": EXPECTED.revenue,
    "pieces": Decimal(EXPECTED.pieces),
}


def test_nothing_differs_when_everything_is_as_expected() -> None:
    assert differences(EXPECTED, expected_balance()) == []


def test_a_feed_that_differs_is_named_with_both_numbers() -> None:
    facts = replace(EXPECTED, unknown_products=3)
    assert differences(facts, expected_balance()) == ["the feed has 3 for unknown_products, expected are 27"]


def test_a_run_that_lost_a_row_is_named_with_its_dataset() -> None:
    balance = expected_balance()
    balance["silver.order_items"]["quarantined"] -= 1
    assert differences(EXPECTED, balance) == ["silver.order_items has 53 rows quarantined in all of its runs, expected are 54"]


def test_a_dataset_that_never_ran_differs() -> None:
    balance = expected_balance()
    del balance["bronze.cdc_orders"]
    assert len(differences(EXPECTED, balance)) == 3


def test_bronze_balances() -> None:
    for dataset, counts in expected_balance().items():
        if dataset.startswith("bronze."):
            assert counts["offered"] == counts["passed"] + counts["duplicates"] + counts["dead_lettered"]


def test_tables_that_hold_what_they_must_differ_in_nothing() -> None:
    assert table_differences(expected_rows(EXPECTED), SUMS, Story(EXPECTED)) == []


def test_a_lost_row_and_a_lost_cent_are_named() -> None:
    rows = expected_rows(EXPECTED) | {"silver.orders": 1}
    sums = SUMS | {"revenue": EXPECTED.revenue - Decimal("0.01")}
    assert table_differences(rows, sums, Story(EXPECTED)) == [
        f"silver.orders has 1 rows, expected are {sum(EXPECTED.orders.values())}",
        f"the revenue of the tables is {EXPECTED.revenue - Decimal('0.01')}, expected is {EXPECTED.revenue}",
    ]


def test_faults_must_be_held_and_noticed_as_written_down() -> None:
    at = datetime(2017, 10, 15, 14, 15, tzinfo=UTC)
    seen = Noticed(at, at.replace(hour=17), "P2 check_failure silver.orders")
    story = Story(EXPECTED, held={"silver.orders": 3}, noticed={"bad deploy": seen})
    assert fault_differences({"silver.orders": 3}, {"bad deploy": seen}, story) == []
    assert fault_differences({"gold.dim_date": 1}, {}, story) == [
        "gold.dim_date was held 1 times, expected are 0",
        "silver.orders was held 0 times, expected are 3",
        "the bad deploy was noticed as nothing, expected is P2 check_failure silver.orders from 15 Oct 14:15 to 15 Oct 17:15",
    ]


def test_what_waits_is_known_for_the_days_before_the_first_fault_and_for_the_fortnight() -> None:
    assert "waiting" in expected_balance(story_of(3, EXPECTED))["silver.orders"]
    assert "waiting" not in expected_balance(story_of(9, EXPECTED))["silver.orders"]
    assert expected_balance(story_of(FORTNIGHT_DAYS, FORTNIGHT))["silver.orders"]["waiting"] > 0


def test_the_fortnight_has_every_fault() -> None:
    assert set(story_of(FORTNIGHT_DAYS, FORTNIGHT).noticed) == {"outage", "bad deploy", "schema drift"}
    assert FORTNIGHT.negative_amount_events > FORTNIGHT.negative_amount_orders > 0
    assert FORTNIGHT.drifted_events > 0


def test_an_alert_too_many_is_named() -> None:
    story = story_of(FORTNIGHT_DAYS, FORTNIGHT)
    assert alert_differences({"P1": 4, "P2": 5, "P3": 3}, story) == []
    assert alert_differences({"P1": 4, "P2": 6, "P3": 3}, story) == [
        "alerts are {'P1': 4, 'P2': 6, 'P3': 3}, expected are {'P1': 4, 'P2': 5, 'P3': 3}"
    ]
    assert alert_differences({"P1": 9}, Story(EXPECTED)) == []
