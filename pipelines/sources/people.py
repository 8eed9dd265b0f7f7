"""The synthetic part: names, contacts, birth dates and regions of the households, seeded and equal on every machine.

Names are put together from syllables, addresses end in ``example.org`` or ``example.com`` (RFC 2606), telephone numbers are
of the range 555-0100 to 555-0199 that North America keeps for fiction. Nobody is meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

REGIONS = ("north", "south", "east", "west", "centre")
"""Sales regions; a customer's region is what ``gold.daily_revenue_by_region`` groups by."""

EMAIL_PATTERN = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
"""What the contract of ``silver.customers`` calls a valid e-mail address."""

_POSTCODE_PREFIX = {"north": "NO", "south": "SO", "east": "EA", "west": "WE", "centre": "CE"}
_GIVEN = (
    ("Al", "Bel", "Cor", "Dar", "El", "Fen", "Gal", "Hal", "Il", "Jor", "Kel", "Lor"),
    ("a", "an", "en", "i", "ia", "in", "o", "u"),
)
_FAMILY = (
    ("Ash", "Birch", "Clover", "Dune", "Elder", "Fern", "Gorse", "Hazel", "Iris", "Juniper", "Larch", "Maple", "Nettle", "Oak"),
    ("bank", "bridge", "croft", "dale", "field", "ford", "gate", "hill", "land", "mere", "shore", "stead", "wood", "yard"),
)
_STREETS = (
    "Alder Lane",
    "Beacon Street",
    "Canal Row",
    "Dock Road",
    "Eastern Avenue",
    "Foundry Way",
    "Garden Close",
    "Harbour View",
)
_AGE_BANDS = {"19-24": (19, 24), "25-34": (25, 34), "35-44": (35, 44), "45-54": (45, 54), "55-64": (55, 64), "65+": (65, 88)}
_ANY_AGE = (19, 88)
_BORN_BEFORE = date(2017, 1, 1)
_POSTCODE_DIGITS = 99_999


@dataclass(frozen=True)
class Person:
    """What the shop knows of a customer, in clear."""

    full_name: str
    email: str
    phone: str
    birth_date: date
    street: str
    postcode: str
    region: str


@dataclass(frozen=True)
class Canary:
    """A customer whose values occur nowhere else, so that finding one of them outside bronze is a leak.

    Attributes:
        role: what happens to the customer: ``changed`` (is in the snapshot, later gets ``new_email``), ``signed_up`` (inserted
            during the first day) or ``quarantined`` (its e-mail is invalid and stays so).
        person: its clear values.
        new_email: the address it changes to, if it does.
        page_email, ip: what its clicks carry: an address in a page's query and path, and where they came from.
    """

    role: str
    person: Person
    new_email: str | None = None
    page_email: str | None = None
    ip: str | None = None

    @property
    def values(self) -> tuple[str, ...]:
        """Every clear text that must not be found above bronze."""
        person = self.person
        contacts = (person.full_name, person.email, person.phone, person.birth_date.isoformat(), person.street, person.postcode)
        return (*contacts, *(value for value in (self.new_email, self.page_email, self.ip) if value is not None))


CANARIES = (
    Canary(
        role="changed",
        person=Person(
            full_name="Quillon Vexmarrow",
            email="Quillon.Vexmarrow.c1@example.org",
            phone="+1-939-555-0171",
            birth_date=date(1907, 2, 27),
            street="4711 Canary Xylophone Parade",
            postcode="NO-00471",
            region="north",
        ),
        new_email="vexmarrow.moved.c1@example.com",
        page_email="vexmarrow.letters.c1@example.org",
        ip="192.0.2.171",
    ),
    Canary(
        role="signed_up",
        person=Person(
            full_name="Zephrine Okdottir",
            email="zephrine.okdottir.c2@example.com",
            phone="+1-939-555-0172",
            birth_date=date(1908, 3, 28),
            street="4712 Canary Yarrow Parade",
            postcode="SO-00472",
            region="south",
        ),
    ),
    Canary(
        role="quarantined",
        person=Person(
            full_name="Wystan Ibexgrove",
            email="wystan.ibexgrove.c3.example.org",
            phone="+1-939-555-0173",
            birth_date=date(1909, 4, 29),
            street="4713 Canary Zither Parade",
            postcode="EA-00473",
            region="east",
        ),
    ),
)
"""Customers for the proof of masking: one per way that personal data takes through the gate."""


def person_of(household: int, age_band: str | None, seed: int) -> Person:
    """Return the person behind a household: the same one for the same seed.

    Args:
        household: id of the household; part of the e-mail address, so that addresses are unique.
        age_band: real age band where the household told it; the birth date falls into it.
        seed: of the whole source.
    """
    rng = Random(f"{seed}:person:{household}")
    given = rng.choice(_GIVEN[0]) + rng.choice(_GIVEN[1])
    family = rng.choice(_FAMILY[0]) + rng.choice(_FAMILY[1])
    region = rng.choice(REGIONS)
    return Person(
        full_name=f"{given} {family}",
        email=f"{given}.{family}.{household}@example.{rng.choice(('org', 'com'))}".lower(),
        phone=_phone(rng),
        birth_date=_birth_date(rng, age_band),
        street=_street(rng),
        postcode=_postcode(rng, region),
        region=region,
    )


def with_typo(person: Person, rng: Random) -> Person:
    """Return the person with an e-mail address as people mistype it at sign-up: never a valid one."""
    local, _, domain = person.email.partition("@")
    typos = (f"{local}.{domain}", f"{local}@{domain.partition('.')[0]}", f"{local}@@{domain}", f"{local} @{domain}")
    return replace(person, email=rng.choice(typos))


def with_new_email(person: Person, rng: Random) -> Person:
    """Return the person with another valid e-mail address."""
    local, _, domain = person.email.partition("@")
    return replace(person, email=f"{local}.{rng.randint(10, 99)}@{domain}")


def with_new_phone(person: Person, rng: Random) -> Person:
    """Return the person with another telephone number."""
    return replace(person, phone=_phone(rng))


def moved_within_region(person: Person, rng: Random) -> Person:
    """Return the person at another address of the same region."""
    return replace(person, street=_street(rng), postcode=_postcode(rng, person.region))


def moved_to_other_region(person: Person, rng: Random) -> Person:
    """Return the person at an address of another region."""
    region = rng.choice([name for name in REGIONS if name != person.region])
    return replace(person, street=_street(rng), postcode=_postcode(rng, region), region=region)


def _phone(rng: Random) -> str:
    return f"+1-{rng.randint(201, 938)}-555-01{rng.randint(0, 99):02d}"  # area code 939 is the canaries'


def _birth_date(rng: Random, age_band: str | None) -> date:
    youngest, oldest = _AGE_BANDS.get(age_band or "", _ANY_AGE)
    age_in_days = rng.randint(youngest * 366, oldest * 365)
    born = _BORN_BEFORE - timedelta(days=age_in_days)
    # 1 January is what a birth date looks like after truncation to its year; no clear value may look masked
    return born + timedelta(days=1) if (born.month, born.day) == (1, 1) else born


def _street(rng: Random) -> str:
    return f"{rng.randint(1, 399)} {rng.choice(_STREETS)}"


def _postcode(rng: Random, region: str) -> str:
    return f"{_POSTCODE_PREFIX[region]}-{rng.randint(1_000, _POSTCODE_DIGITS):05d}"  # below 01000: the canaries'
