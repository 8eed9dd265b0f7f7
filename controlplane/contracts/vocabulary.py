"""The words a contract may use, beyond those the standard's own schema lists.

Format: Open Data Contract Standard 3.0 to 3.2; what is ours stands in ``customProperties`` named ``controlplane.*``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

PREFIX: Final = "controlplane."

API_VERSIONS: Final = ("v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0")


class Level(StrEnum):
    """Where in a contract a custom property stands; the value is how messages call it."""

    CONTRACT = "the contract"
    OBJECT = "an object of schema"
    FIELD = "a property of an object"
    CHECK = "a quality entry"
    ELSEWHERE = "other places"


_DATASET_WIDE = ("layer", "tier", "lateness", "warmup", "history", "compatibility", "onUnknown")

PROPERTIES: Final[dict[Level, tuple[str, ...]]] = {
    Level.CONTRACT: _DATASET_WIDE,
    Level.OBJECT: (*_DATASET_WIDE, "writeMode"),
    Level.FIELD: ("dataCategory", "sensitivity", "masking", "subjectKey", "quasiIdentifier", "waiver"),
    Level.CHECK: ("check", "blocking"),
    Level.ELSEWHERE: (),
}
"""Names behind ``controlplane.``; those of the contract are defaults for all of its objects."""

COMPATIBILITIES: Final = (
    "none", "backward", "forward", "full", "backward_transitive", "forward_transitive", "full_transitive",
)  # fmt: skip

SENSITIVITIES: Final = ("public", "internal", "confidential", "restricted")

TECHNIQUES: Final = ("token", "truncate", "null", "drop")
PROFILES: Final = ("none", "ascii-lower-trim", "digits")

DIRECT_CATEGORIES: Final = frozenset({
    "email", "phone", "person_name", "first_name", "last_name", "address", "street", "ip", "ip_address", "mac_address",
    "iban", "bank_account", "credit_card", "national_id", "tax_id", "passport", "driver_license", "ssn", "username",
    "password", "secret", "photo", "biometric", "geo_location",
})  # fmt: skip
"""What names a person by itself, whatever else is declared. Other categories count as direct until they are declared as
``subjectKey`` or ``quasiIdentifier``."""

LIBRARY: Final = ("nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount")
OURS: Final = ("freshness", "volumeChange", "reference", "reconciliation", "aggregate", "schemaDrift")
LATER: Final = ("distribution", "anomaly", "eventSequence")
"""Kinds that are specified but not checked by this version."""

ROW_SCOPE: Final = frozenset({"nullValues", "missingValues", "invalidValues", "reference"})
"""Kinds that are true or false of one row alone, so that a failing row can be set aside."""

OF_A_FIELD: Final = frozenset({"nullValues", "missingValues", "invalidValues"})
OF_AN_OBJECT: Final = frozenset({"rowCount", "schemaDrift"})

OPERATORS: Final = (
    "mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo",
    "mustBeBetween", "mustNotBeBetween",
)  # fmt: skip
BETWEEN: Final = ("mustBeBetween", "mustNotBeBetween")

ROWS_OR_PERCENT: Final = ("rows", "percent")
UNITS: Final[dict[str, tuple[str, ...]]] = {
    "nullValues": ROWS_OR_PERCENT,
    "missingValues": ROWS_OR_PERCENT,
    "invalidValues": ROWS_OR_PERCENT,
    "duplicateValues": ROWS_OR_PERCENT,
    "reference": ROWS_OR_PERCENT,
    "rowCount": ("rows",),
    "volumeChange": ("percent", "rows"),
    "freshness": ("s", "min", "h", "d"),
    "schemaDrift": ("columns",),
}
"""Units by kind, the default first; for other kinds the unit is a free word that is only shown."""

BOUNDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
LENGTHS: Final = ("minLength", "maxLength")
FORMATS: Final = ("email", "uuid", "uri", "hostname", "ipv4", "ipv6", "date", "date-time")

PERIODS: Final = ("P1D",)
LIKE: Final = ("weekday", "day")
AGAINST: Final = ("median", "mean")
FRESH_AGAINST: Final = ("now", "heartbeat")
FUNCTIONS: Final = ("sum", "avg", "min", "max", "stddev", "median", "quantile")
OF_NUMBERS: Final = frozenset({"sum", "avg", "stddev", "median", "quantile"})

SPANS: Final = ("latency", "freshness", "retention", "frequency", "timeToDetect", "timeToNotify", "timeToRepair")
"""SLA properties whose value is a length of time."""

DATES: Final = ("generalAvailability", "endOfSupport", "endOfLife")
SHARES: Final = ("availability", "errorRate")
SLA_PROPERTIES: Final = (*SPANS, *DATES, *SHARES, "throughput", "timeOfAvailability")
