"""Customers: who is in the snapshot, who signs up, who changes, who leaves. All synthetic but the household ids.

Every household of the year is a customer. Most are in the initial snapshot; a few a day sign up minutes before their first
purchase. Some e-mail addresses are mistyped: at sign-up, where the customer corrects it within hours, and in the snapshot,
where nobody ever does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from random import Random

from pipelines.sources.events import RowChange, Transaction, commit, instant_text, seconds, seeded
from pipelines.sources.journey import Basket, Journey
from pipelines.sources.people import (
    CANARIES,
    Person,
    moved_to_other_region,
    moved_within_region,
    person_of,
    with_new_email,
    with_new_phone,
    with_typo,
)

SIGN_UPS_PER_DAY = 12
MISTYPED_SIGN_UPS_PER_DAY = 3
MISTYPED_IN_SNAPSHOT = 7
CLOSED_PER_DAY = 1
CHANGES_PER_DAY: tuple[tuple[Callable[[Person, Random], Person], int], ...] = (
    (with_new_email, 6),
    (moved_within_region, 5),
    (moved_to_other_region, 4),
    (with_new_phone, 3),
)
HURRIED_PER_DAY = 1
"""Customers who move to another region and minutes later change their telephone number."""

_EARLIEST_SIGN_UP = timedelta(minutes=30)
_LATEST_MISTYPED = timedelta(hours=16)
_CORRECTED_WITHIN = (timedelta(minutes=35), timedelta(hours=3, minutes=50))


@dataclass(frozen=True)
class SignUp:
    """A household that becomes a customer during the window.

    Attributes:
        first_purchase: time of its first basket.
        mistyped: whether its e-mail address is invalid at first.
    """

    household: int
    first_purchase: datetime
    mistyped: bool


@dataclass(frozen=True)
class CustomerPlan:
    """What will happen to which customer; no customer plays two parts.

    Attributes:
        sign_ups: by day; their households are not in the snapshot.
        mistyped: households of the snapshot with an invalid address, none of which buys anything in the horizon.
        changing: by day, households and what changes; hurried: by day, households with two changes in a row.
        closed: by day, households without purchases whose account is deleted.
        people: everybody as they are at first, canaries in their parts.
        canaries: customer id by role of the canary.
    """

    sign_ups: Mapping[datetime, Sequence[SignUp]]
    mistyped: Sequence[int]
    changing: Mapping[datetime, Sequence[tuple[int, Callable[[Person, Random], Person]]]]
    hurried: Mapping[datetime, Sequence[int]]
    closed: Mapping[datetime, Sequence[int]]
    people: Mapping[int, Person]
    canaries: Mapping[str, int] = field(default_factory=dict)

    @property
    def signing_up(self) -> Mapping[int, SignUp]:
        """All sign-ups by household."""
        return {one.household: one for day in self.sign_ups.values() for one in day}


def plan_customers(journey: Journey, days: Sequence[datetime], seed: int) -> CustomerPlan:
    """Return who plays which part in ``days`` (their starts); the part of a day does not depend on the days after it."""
    first_purchases = _first_purchases(journey.baskets)
    idle = [household for household in journey.households if household not in first_purchases]
    rng = seeded(seed, "customers")
    mistyped = rng.sample(idle, min(MISTYPED_IN_SNAPSHOT, len(idle)))
    quiet = _pool([household for household in idle if household not in mistyped], rng)
    sign_ups = {day: _sign_ups(first_purchases, day, seeded(seed, f"sign-ups:{number}")) for number, day in enumerate(days)}
    taken = {one.household for ones in sign_ups.values() for one in ones} | set(mistyped)
    closed = {day: _draw(quiet, CLOSED_PER_DAY) for day in days}
    restless = _pool(
        [household for household in journey.households if household not in taken and household in first_purchases], rng
    )
    hurried = {day: _draw(restless, HURRIED_PER_DAY) for day in days}
    changing = {
        day: [(household, change) for change, count in CHANGES_PER_DAY for household in _draw(restless, count)] for day in days
    }
    canaries = _canaries(days, mistyped, sign_ups, changing)
    people = {household: person_of(household, journey.ages.get(household), seed) for household in journey.households}
    people |= {canaries[canary.role]: canary.person for canary in CANARIES if canary.role in canaries}
    for household in [*mistyped, *(one.household for ones in sign_ups.values() for one in ones if one.mistyped)]:
        if household not in canaries.values():
            people[household] = with_typo(people[household], seeded(seed, f"typo:{household}"))
    return CustomerPlan(sign_ups, mistyped, changing, hurried, closed, people, canaries)


def customer_snapshot(plan: CustomerPlan, start: datetime, seed: int) -> Iterator[RowChange]:
    """Yield the customers that exist before the window, as the initial snapshot reads them (``r``)."""
    later = plan.signing_up
    for household, person in sorted(plan.people.items()):
        if household not in later:
            joined = _joined(household, start, seed)
            yield RowChange("customers", "r", _row(household, person, joined, joined))


def customer_transactions(plan: CustomerPlan, start: datetime, seed: int) -> Iterator[Transaction]:
    """Yield every transaction of every customer after the snapshot, in no particular order."""
    for day, sign_ups in plan.sign_ups.items():
        for one in sign_ups:
            yield from _signing_up(plan, one, seed)
        for household, change in plan.changing[day]:
            yield _changing(plan, household, [change], (day, start, seed))[-1]
        for household in plan.hurried[day]:
            yield from _changing(plan, household, [moved_to_other_region, with_new_phone], (day, start, seed))
        for household in plan.closed[day]:
            rng = seeded(seed, f"closed:{household}")
            row = _row(household, plan.people[household], day, day)
            yield commit(day + _time_of_day(rng), f"customer:{household}:closed", (RowChange("customers", "d", row),), rng)


def _signing_up(plan: CustomerPlan, one: SignUp, seed: int) -> Iterator[Transaction]:
    rng = seeded(seed, f"sign-up:{one.household}")
    person = plan.people[one.household]
    at = one.first_purchase - seconds(rng, timedelta(minutes=3), timedelta(minutes=25))
    row = _row(one.household, person, at, at)
    yield commit(at, f"customer:{one.household}:signed-up", (RowChange("customers", "c", row),), rng)
    if one.mistyped:
        corrected_at = at + seconds(rng, *_CORRECTED_WITHIN)
        corrected = replace(person, email=f"{person.full_name.replace(' ', '.')}.{one.household}@example.org".lower())
        row = _row(one.household, corrected, at, corrected_at)
        yield commit(corrected_at, f"customer:{one.household}:corrected", (RowChange("customers", "u", row),), rng)


def _changing(
    plan: CustomerPlan,
    household: int,
    changes: Sequence[Callable[[Person, Random], Person]],
    when: tuple[datetime, datetime, int],
) -> list[Transaction]:
    day, start, seed = when
    joined = _joined(household, start, seed)
    rng = seeded(seed, f"change:{household}")
    person = plan.people[household]
    at = day + _time_of_day(rng)
    transactions = []
    for number, change in enumerate(changes, start=1):
        person = change(person, rng)
        if household == plan.canaries.get("changed"):
            person = replace(person, email=next(one.new_email for one in CANARIES if one.new_email is not None))
        row = _row(household, person, joined, at)
        transactions.append(commit(at, f"customer:{household}:change-{number}", (RowChange("customers", "u", row),), rng))
        at += seconds(rng, timedelta(minutes=2), timedelta(minutes=6))
    return transactions


def _joined(household: int, start: datetime, seed: int) -> datetime:
    return start - seconds(seeded(seed, f"joined:{household}"), timedelta(days=30), timedelta(days=1500))


def _time_of_day(rng: Random) -> timedelta:
    # a little after a step boundary and not in the day's last step, so that what belongs together is delivered together
    return timedelta(hours=4 * rng.randint(0, 4)) + seconds(rng, timedelta(minutes=5), timedelta(minutes=220))


def _first_purchases(baskets: Sequence[Basket]) -> dict[int, datetime]:
    first: dict[int, datetime] = {}
    for basket in baskets:
        first.setdefault(basket.household_id, basket.at)
    return first


def _sign_ups(first_purchases: Mapping[int, datetime], day: datetime, rng: Random) -> list[SignUp]:
    starting = sorted(one for one, at in first_purchases.items() if day + _EARLIEST_SIGN_UP <= at < day + timedelta(days=1))
    early = [household for household in starting if first_purchases[household] < day + _LATEST_MISTYPED]
    mistyped = rng.sample(early, min(MISTYPED_SIGN_UPS_PER_DAY, len(early)))
    others = [household for household in starting if household not in mistyped]
    sound = rng.sample(others, min(SIGN_UPS_PER_DAY - MISTYPED_SIGN_UPS_PER_DAY, len(others)))
    return [SignUp(household, first_purchases[household], household in mistyped) for household in [*mistyped, *sound]]


def _canaries(
    days: Sequence[datetime],
    mistyped: Sequence[int],
    sign_ups: Mapping[datetime, Sequence[SignUp]],
    changing: Mapping[datetime, Sequence[tuple[int, Callable[[Person, Random], Person]]]],
) -> dict[str, int]:
    changed = [household for household, change in changing[days[0]] if change is with_new_email]
    signed_up = [one.household for one in sign_ups[days[0]] if not one.mistyped]
    parts = {"changed": changed, "signed_up": signed_up, "quarantined": mistyped}
    return {role: households[0] for role, households in parts.items() if households}


def _pool(households: Sequence[int], rng: Random) -> Iterator[int]:
    return iter(rng.sample(list(households), len(households)))


def _draw(pool: Iterator[int], count: int) -> list[int]:
    return list(islice(pool, count))


def _row(household: int, person: Person, created: datetime, updated: datetime) -> Mapping[str, object]:
    return {
        "customer_id": household,
        "full_name": person.full_name,
        "email": person.email,
        "phone": person.phone,
        "birth_date": person.birth_date.isoformat(),
        "street": person.street,
        "postcode": person.postcode,
        "region": person.region,
        "created_at": instant_text(created),
        "updated_at": instant_text(updated),
    }
