from __future__ import annotations

from dataclasses import replace

from pipelines.expected import EXPECTED, differences, expected_balance


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
