from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from pipelines.sources.customers import (
    CLOSED_PER_DAY,
    MISTYPED_IN_SNAPSHOT,
    CustomerPlan,
    customer_snapshot,
    customer_transactions,
    plan_customers,
)
from pipelines.sources.events import Transaction
from pipelines.sources.journey import Journey
from pipelines.sources.people import CANARIES, EMAIL_PATTERN

SEED = 7


@pytest.fixture
def plan(journey: Journey, days: list[datetime]) -> CustomerPlan:
    return plan_customers(journey, days[:3], SEED)


@pytest.fixture
def transactions(plan: CustomerPlan, start: datetime) -> list[Transaction]:
    return sorted(customer_transactions(plan, start, SEED), key=lambda one: one.committed)


def is_valid(row: object) -> bool:
    return isinstance(row, dict) and EMAIL_PATTERN.fullmatch(str(row["email"])) is not None


def test_every_household_is_in_the_snapshot_or_signs_up_but_not_both(
    journey: Journey, plan: CustomerPlan, start: datetime
) -> None:
    snapshot = [change.row["customer_id"] for change in customer_snapshot(plan, start, SEED)]
    assert sorted([*map(int, map(str, snapshot)), *plan.signing_up]) == list(journey.households)


def test_mistyped_customers_of_the_snapshot_buy_nothing(journey: Journey, plan: CustomerPlan, start: datetime) -> None:
    mistyped = {change.row["customer_id"] for change in customer_snapshot(plan, start, SEED) if not is_valid(change.row)}
    assert mistyped == set(plan.mistyped)
    assert len(mistyped) == MISTYPED_IN_SNAPSHOT
    assert not mistyped & {basket.household_id for basket in journey.baskets}


def test_who_signs_up_does_so_shortly_before_the_first_purchase(plan: CustomerPlan, transactions: list[Transaction]) -> None:
    created = {one.changes[0].row["customer_id"]: one.committed for one in transactions if one.changes[0].op == "c"}
    assert created.keys() == plan.signing_up.keys()
    for household, sign_up in plan.signing_up.items():
        assert timedelta(minutes=2) < sign_up.first_purchase - created[household] < timedelta(minutes=26)


def test_a_mistyped_sign_up_is_corrected_within_four_hours(plan: CustomerPlan, transactions: list[Transaction]) -> None:
    mistyped = [one for one in plan.signing_up.values() if one.mistyped]
    assert mistyped
    for sign_up in mistyped:
        first, second = [one for one in transactions if one.changes[0].row["customer_id"] == sign_up.household]
        assert (is_valid(first.changes[0].row), is_valid(second.changes[0].row)) == (False, True)
        assert second.committed - first.committed < timedelta(hours=4)


def test_a_closed_account_is_deleted_and_bought_nothing(
    journey: Journey, plan: CustomerPlan, transactions: list[Transaction]
) -> None:
    closed = [one.changes[0].row["customer_id"] for one in transactions if one.changes[0].op == "d"]
    assert Counter(closed) == Counter([household for day in plan.closed.values() for household in day])
    assert len(closed) == 3 * CLOSED_PER_DAY
    assert not set(closed) & {basket.household_id for basket in journey.baskets}


def test_nobody_plays_two_parts(plan: CustomerPlan) -> None:
    parts = [*plan.mistyped, *plan.signing_up]
    for day in plan.changing:
        parts += [*(household for household, _ in plan.changing[day]), *plan.hurried[day], *plan.closed[day]]
    assert len(set(parts)) == len(parts)


def test_canaries_play_their_parts(plan: CustomerPlan, transactions: list[Transaction], start: datetime) -> None:
    people = {canary.role: canary for canary in CANARIES}
    snapshot = {change.row["customer_id"]: change.row for change in customer_snapshot(plan, start, SEED)}
    changes = {one.changes[0].row["customer_id"]: one.changes[0] for one in transactions}
    changed, signed_up, quarantined = (plan.canaries[role] for role in ("changed", "signed_up", "quarantined"))
    assert snapshot[changed]["email"] == people["changed"].person.email
    assert changes[changed].row["email"] == people["changed"].new_email
    assert changes[signed_up].op == "c"
    assert changes[signed_up].row["full_name"] == people["signed_up"].person.full_name
    assert snapshot[quarantined]["email"] == people["quarantined"].person.email
    assert quarantined not in changes


def test_times_are_text_with_zone_and_dates_are_text(plan: CustomerPlan, start: datetime) -> None:
    row = next(iter(customer_snapshot(plan, start, SEED))).row
    assert str(row["created_at"]).endswith("Z")
    assert datetime.fromisoformat(str(row["created_at"])) < start
    assert len(str(row["birth_date"])) == len("1980-05-17")
