"""Clicks: what people do on the shop's pages, as the browser's collector tells it. All synthetic but what they buy in the end.

Somewhat over half of the baskets were bought on the web, at the end of a session that looked for them; the others came through
the app, which sends no clicks. Beside them there are sessions in which nobody buys. Some sessions have a pause that only a
late event fills: until it arrives they look like two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from pipelines.sources.customers import CustomerPlan
from pipelines.sources.events import STEP, instant_text, seconds, seeded
from pipelines.sources.journey import Basket, Journey
from pipelines.sources.people import CANARIES, Person
from pipelines.sources.streams import DAMAGES, Event, Faults, event_id

EVENT_TYPES = ("view", "click", "search", "add_to_cart", "checkout", "purchase")
"""What the shop's own pages send."""

UNKNOWN_TYPE = "hover"
"""What a forgotten experiment on one page sends once a day; nothing downstream knows it."""

SESSION_GAP = timedelta(minutes=30)
"""A longer pause ends a session."""

WEB_SHARE = 0.55
BROWSING_PER_DAY = 150
ANONYMOUS_SHARE = 0.6
LATE_PER_DAY = {1: 8, 2: 4}
"""Events a day that arrive so many steps late, beside those that fill a pause."""

BRIDGED_PER_DAY = 2
LETTERS_PER_DAY = 4
"""Sessions a day that begin with a link in a letter, which carries the reader's e-mail address in its query."""

UNSUBSCRIBED_PER_DAY = 1
"""Visits a day of the page whose path, not only its query, holds an e-mail address."""

CLICK_FAULTS = Faults(redelivered=10, resent=8, damages=DAMAGES)

SITE = "https://shop.example.org"
_BRIDGE = timedelta(minutes=20)


@dataclass
class _Visit:
    """Events of one person in one go; the cursor is the time of the last one."""

    user: str
    ip: str
    cursor: datetime
    rng: Random
    events: list[Event] = field(default_factory=list)

    def does(self, what: str, path: str, *, late: int = 0, **metadata: object) -> None:
        """Add an event at the cursor."""
        value = {
            "event_id": event_id(self.rng),
            "user_id": self.user,
            "event_type": what,
            "page_url": f"{SITE}{path}",
            "ip": self.ip,
            "timestamp": instant_text(self.cursor),
            "metadata": metadata,
        }
        self.events.append(Event(self.cursor, self.user, value, late))

    def waits(self, low: int, high: int) -> None:
        """Move the cursor on by a random number of seconds, and some milliseconds."""
        pause = seconds(self.rng, timedelta(seconds=low), timedelta(seconds=high))
        self.cursor += pause + timedelta(milliseconds=self.rng.randint(0, 999))

    def looks_at(self, product: int) -> None:
        """Add the view of a product's page."""
        self.does("view", f"/products/{product}", product_id=product)


def click_events(journey: Journey, plan: CustomerPlan, days: Sequence[datetime], seed: int) -> list[Event]:
    """Return every event of the clickstream.

    Args:
        journey: gives baskets and products; only baskets of the horizon lead to a purchase.
        plan: who the customers are.
        days: starts of the days in which people browse, and in which events are late.
        seed: of the whole source.
    """
    browsing = _Browsing(journey, plan, seed)
    events = [event for basket in journey.baskets for event in _buying(basket, journey, seed)]
    for number, day in enumerate(days):
        events += browsing.of_day(day, number)
    late = dict(_late(events, days, seed))
    return [Event(one.at, one.key, one.value, late.get(id(one), one.late)) for one in events] + browsing.of_canary(days[0])


def _buying(basket: Basket, journey: Journey, seed: int) -> Sequence[Event]:
    """Return the session that ends with a basket; nothing for one that was bought through the app."""
    rng = seeded(seed, f"clicks:{basket.basket_id}")
    if rng.random() >= WEB_SHARE:
        return ()
    products = [line.product_id for line in basket.lines if line.is_sound] or [basket.lines[0].product_id]
    visit = _Visit(str(basket.household_id), _ip(rng), basket.at - timedelta(seconds=rng.randint(600, 1500)), rng)
    if rng.random() < 0.4:  # noqa: PLR2004 (a share of sessions)
        words = _words(journey, rng)
        visit.does("search", f"/search?q={words}", query=words)
        visit.waits(5, 60)
    if rng.random() < 0.5:  # noqa: PLR2004 (a share of sessions)
        visit.does("click", "/", element="teaser")
        visit.waits(3, 40)
    for product in rng.sample(products, min(rng.randint(1, 2), len(products))):
        visit.looks_at(product)
        visit.waits(10, 150)
    visit.does("add_to_cart", "/cart", product_id=products[0])
    visit.cursor = max(visit.cursor + timedelta(seconds=1), basket.at - timedelta(seconds=rng.randint(20, 90)))
    visit.does("checkout", "/checkout")
    visit.cursor = basket.at + timedelta(milliseconds=rng.randint(200, 900))
    visit.does("purchase", f"/orders/{basket.basket_id}", order_id=basket.basket_id)
    return visit.events


class _Browsing:
    """Sessions in which nobody buys."""

    def __init__(self, journey: Journey, plan: CustomerPlan, seed: int) -> None:
        self._journey, self._plan, self._seed = journey, plan, seed
        self._members = [household for household in journey.households if household not in plan.signing_up]

    def of_day(self, day: datetime, number: int) -> Iterator[Event]:
        """Yield the events of a day's sessions; they begin about when people buy."""
        rng = seeded(self._seed, f"browsing:{number}")
        end = day + timedelta(days=1)
        times = [basket.at for basket in self._journey.baskets if day <= basket.at < end]
        if not times:
            return
        for _ in range(BROWSING_PER_DAY):
            anonymous = rng.random() < ANONYMOUS_SHARE
            yield from self._wandering(self._visit(rng.choice(times), rng, anonymous=anonymous))
        for _ in range(BRIDGED_PER_DAY):
            yield from self._pausing(self._visit(_daytime(day, rng), rng, anonymous=False), late=rng.randint(1, 2))
        for _ in range(LETTERS_PER_DAY):
            visit = self._visit(_daytime(day, rng), rng, anonymous=False)
            visit.does("view", f"/?utm_source=letter&email={_address(self._plan.people[int(visit.user)])}")
            visit.waits(20, 200)
            yield from self._wandering(visit)
        for _ in range(UNSUBSCRIBED_PER_DAY):
            visit = self._visit(_daytime(day, rng), rng, anonymous=False)
            visit.does("view", f"/unsubscribe/{_address(self._plan.people[int(visit.user)])}")
            yield from visit.events
        experiment = self._visit(_daytime(day, rng), rng, anonymous=True)
        experiment.looks_at(self._product(rng))
        experiment.waits(2, 9)
        experiment.does(UNKNOWN_TYPE, "/", element="teaser")
        yield from experiment.events

    def of_canary(self, day: datetime) -> list[Event]:
        """Return the visit of the canary that has an address of its own in every place a click can carry one."""
        found: list[Event] = []
        for canary in CANARIES:
            household = self._plan.canaries.get(canary.role)
            if canary.page_email is None or canary.ip is None or household is None:
                continue
            rng = seeded(self._seed, f"clicks:canary:{canary.role}")
            visit = _Visit(str(household), canary.ip, day + timedelta(hours=13, minutes=7), rng)
            visit.does("view", f"/?utm_source=letter&email={canary.page_email}")
            visit.waits(20, 60)
            visit.does("search", f"/search?q={canary.page_email}", query=canary.page_email)
            visit.waits(20, 60)
            visit.does("view", f"/unsubscribe/{canary.page_email}", late=1)
            found += visit.events
        return found

    def _visit(self, at: datetime, rng: Random, *, anonymous: bool) -> _Visit:
        user = f"a-{rng.getrandbits(48):012x}" if anonymous else str(rng.choice(self._members))
        return _Visit(user, _ip(rng), at + timedelta(milliseconds=rng.randint(0, 999)), rng)

    def _wandering(self, visit: _Visit) -> Sequence[Event]:
        """One to four steps through the shop; a few fill a cart, and some of these go as far as the checkout."""
        steps: Sequence[Callable[[], None]] = (
            lambda: visit.looks_at(self._product(visit.rng)),
            lambda: visit.does("click", "/", element="teaser"),
            lambda: self._searches(visit),
        )
        for step in visit.rng.choices(steps, weights=(5, 2, 3), k=visit.rng.randint(1, 4)):
            step()
            visit.waits(4, 300)
        if visit.rng.random() < 0.2:  # noqa: PLR2004 (a share of sessions)
            product = self._product(visit.rng)
            visit.looks_at(product)
            visit.waits(5, 90)
            visit.does("add_to_cart", "/cart", product_id=product)
            visit.waits(5, 90)
            if visit.rng.random() < 0.3:  # noqa: PLR2004 (a share of sessions)
                visit.does("checkout", "/checkout")
        return visit.events

    def _pausing(self, visit: _Visit, late: int) -> Sequence[Event]:
        """Three events with pauses below the gap, whose middle one comes late: without it the pause is above the gap."""
        visit.looks_at(self._product(visit.rng))
        visit.cursor += _BRIDGE
        visit.does("click", "/", late=late, element="teaser")
        visit.cursor += _BRIDGE
        visit.looks_at(self._product(visit.rng))
        return visit.events

    def _searches(self, visit: _Visit) -> None:
        words = _words(self._journey, visit.rng)
        visit.does("search", f"/search?q={words}", query=words)

    def _product(self, rng: Random) -> int:
        return int(str(rng.choice(self._journey.products)["product_id"]))


def _address(person: Person) -> str:
    return person.email.replace(" ", "")  # some are mistyped, and a URL holds no blank


def _late(events: Sequence[Event], days: Sequence[datetime], seed: int) -> Iterator[tuple[int, int]]:
    """Yield which events (by identity) arrive how many steps late, early enough to arrive on the same day."""
    of_day: dict[int, list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda one: (one.at, str(one.value["event_id"]))):
        if not event.late:
            of_day[(event.at - days[0]) // timedelta(days=1)].append(event)
    for number, day in enumerate(days):
        rng, candidates = seeded(seed, f"clicks:late:{number}"), of_day[number]
        for steps, count in sorted(LATE_PER_DAY.items(), reverse=True):
            early = [one for one in candidates if one.at < day + timedelta(days=1) - STEP * steps]
            for one in rng.sample(early, min(count, len(early))):
                candidates.remove(one)
                yield id(one), steps


def _daytime(day: datetime, rng: Random) -> datetime:
    """Return a time early enough for what comes two steps late to arrive on the same day."""
    return day + seconds(rng, timedelta(hours=10), timedelta(hours=15))


def _words(journey: Journey, rng: Random) -> str:
    """Return a search phrase: the words of some product's category."""
    category = str(rng.choice(journey.products)["product_category"] or "bread")
    return "+".join(word for word in category.lower().replace("/", " ").split() if word.isalpha()) or "bread"


def _ip(rng: Random) -> str:
    """Return an address of the ranges kept for documentation (RFC 5737); 192.0.2.0/24 is the canaries'."""
    return f"{rng.choice(('198.51.100', '203.0.113'))}.{rng.randint(1, 254)}"
