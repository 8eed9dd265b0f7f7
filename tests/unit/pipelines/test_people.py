from __future__ import annotations

from datetime import date
from random import Random

import pytest

from pipelines.sources.people import (
    CANARIES,
    EMAIL_PATTERN,
    REGIONS,
    moved_to_other_region,
    moved_within_region,
    person_of,
    with_new_email,
    with_new_phone,
    with_typo,
)

SEED = 7


def test_a_household_is_the_same_person_every_time_and_another_one_for_another_seed() -> None:
    assert person_of(12, "35-44", SEED) == person_of(12, "35-44", SEED)
    assert person_of(12, "35-44", SEED) != person_of(12, "35-44", SEED + 1)


@pytest.mark.parametrize(
    ("band", "youngest", "oldest"), [("19-24", 19, 24), ("45-54", 45, 54), ("65+", 65, 88), (None, 19, 88)]
)
def test_a_birth_date_falls_into_the_age_band(band: str | None, youngest: int, oldest: int) -> None:
    for household in range(200):
        born = person_of(household, band, SEED).birth_date
        age = 2017 - born.year - ((born.month, born.day) > (1, 1))
        assert youngest <= age <= oldest


def test_no_birth_date_looks_as_if_it_had_been_truncated_to_its_year() -> None:
    born = [person_of(household, None, SEED).birth_date for household in range(3000)]
    assert not [day for day in born if (day.month, day.day) == (1, 1)]


def test_addresses_are_valid_unique_and_nobodys() -> None:
    emails = [person_of(household, None, SEED).email for household in range(500)]
    assert len(set(emails)) == len(emails)
    assert all(EMAIL_PATTERN.fullmatch(email) for email in emails)
    assert all(email.endswith(("@example.org", "@example.com")) for email in emails)


def test_telephone_numbers_are_of_the_range_kept_for_fiction() -> None:
    assert all("-555-01" in person_of(household, None, SEED).phone for household in range(100))


def test_a_typo_never_leaves_a_valid_address() -> None:
    person = person_of(3, None, SEED)
    mistyped = {with_typo(person, Random(number)).email for number in range(50)}
    assert len(mistyped) == 4
    assert not [email for email in mistyped if EMAIL_PATTERN.fullmatch(email)]


def test_each_change_changes_what_it_says_and_nothing_else() -> None:
    person = person_of(3, None, SEED)
    changed = {
        "email": with_new_email(person, Random(1)),
        "phone": with_new_phone(person, Random(1)),
        "address": moved_within_region(person, Random(1)),
        "region": moved_to_other_region(person, Random(1)),
    }
    assert changed["email"].email != person.email
    assert EMAIL_PATTERN.fullmatch(changed["email"].email)
    assert changed["phone"].phone != person.phone
    assert changed["address"].region == person.region
    assert changed["address"].postcode != person.postcode
    assert changed["region"].region in set(REGIONS) - {person.region}
    assert {one.full_name for one in changed.values()} == {person.full_name}


def test_canaries_share_no_value_with_anybody() -> None:
    values = [value for canary in CANARIES for value in canary.values]
    assert len(set(values)) == len(values)
    others = [person_of(household, None, SEED) for household in range(2500)]
    seen = {text for one in others for text in (one.full_name, one.email, one.phone, one.street, one.postcode)}
    seen |= {one.birth_date.isoformat() for one in others}
    assert not seen & set(values)


def test_canaries_take_every_way_through_the_gate() -> None:
    by_role = {canary.role: canary for canary in CANARIES}
    assert by_role.keys() == {"changed", "signed_up", "quarantined"}
    assert by_role["changed"].new_email in by_role["changed"].values
    assert not EMAIL_PATTERN.fullmatch(by_role["quarantined"].person.email)
    assert all(EMAIL_PATTERN.fullmatch(by_role[role].person.email) for role in ("changed", "signed_up"))
    assert all(canary.person.birth_date < date(1910, 1, 1) for canary in CANARIES)
