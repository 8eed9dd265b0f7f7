"""Every way to get a contract wrong is one sentence with file, line, what is wrong and what is allowed."""

from __future__ import annotations

from datetime import date

import pytest

from controlplane.contracts.errors import ContractInvalidError
from controlplane.contracts.loading import load_contract
from controlplane.kernel.errors import ConfigurationError
from tests.unit.contracts.kit import SHIPMENTS, changed, loaded, only_problem, problems

STATE = "{id: state_known, metric: invalidValues, arguments: {validValues: [packed, sent]}, mustBe: 0}"
VOLUME = (
    "implementation: {kind: volumeChange, period: P1D, like: weekday, against: median, mustBeBetween: [-30, 30], unit: percent}"
)
DRIFT = "implementation: {kind: schemaDrift, payload: state, columns: [a, b], mustBe: 0, unit: columns}"
FRESH = "implementation: {kind: freshness, field: updated_at, reference: heartbeat, mustBeLessOrEqualTo: 7200, unit: s}"
REFERENCE = (
    "implementation: {kind: reference, to: silver.carriers, fields: {carrier_id: carrier_id}, where: is_current, mustBe: 0}"
)
CHECK = "value: {quarantine: {max: 1, unit: percent, reason: scales drift}, minRows: 10, where: \"state = 'sent'\"}"
MASKING = "value: {technique: token, domain: receiver-name, profile: ascii-lower-trim}"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        pytest.param("status: active", "statsu: active", ("statsu", "did you mean 'status'"), id="top"),
        pytest.param("{name: shipping-data}", "{nam: shipping-data}", ("team", "did you mean 'name'"), id="team"),
        pytest.param("id: fresh, property: latency,", "id: fresh, property: latency, uint: h,", ("uint", "'unit'"), id="sla"),
        pytest.param("    name: state\n", "    name: state\n    clasification: x\n", ("'classification'",), id="field"),
        pytest.param(STATE, STATE.replace("metric", "mertic"), ("mertic", "did you mean 'metric'"), id="rule"),
        pytest.param("{minimum: 0}", "{minimun: 0, minimum: 0}", ("minimun", "did you mean 'minimum'"), id="arguments"),
        pytest.param("like: weekday", "lik: weekday", ("lik", "did you mean 'like'", "against"), id="implementation"),
        pytest.param("mode: merge", "mode: merge\n      oderBy: [x]", ("oderBy", "did you mean 'orderBy'"), id="write mode"),
        pytest.param("domain: receiver-name,", "domain: receiver-name, dmain: x,", ("dmain", "'domain'"), id="masking"),
        pytest.param("reason: scales drift", "raeson: scales drift", ("raeson", "did you mean 'reason'"), id="quarantine"),
        pytest.param("minRows: 10", "minrows: 10", ("minrows", "did you mean 'minRows'"), id="check"),
        pytest.param(
            "logicalType: string\n    required: true\n",
            "logicalType: string\n    required: true\n    logicalTypeOptions: {maxLenght: 3}\n",
            ("maxLenght", "did you mean 'maxLength'"),
            id="options",
        ),
        pytest.param(
            "status: active\n", "status: active\ndescription: {purpos: x}\n", ("purpos", "'purpose'"), id="description"
        ),
        pytest.param(
            "{property: costCentre, value:", "{property: costCentre, vlue: 1, value:", ("vlue", "'value'"), id="entry"
        ),
    ],
)
def test_a_key_nobody_knows_is_an_error_at_every_depth(old: str, new: str, words: tuple[str, ...]) -> None:
    found = [problem for problem in problems(changed(old, new)) if "unknown key" in problem.message]
    assert len(found) == 1
    for word in words:
        assert word in f"{found[0].path}: {found[0].message}"
    assert "allowed are" in found[0].message


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("controlplane.maskng", ("unknown property 'controlplane.maskng'", "did you mean 'controlplane.masking'")),
        ("controlplan.layer", ("nearly one of ours",)),
        ("Controlplane.tier", ("nearly one of ours",)),
        ("control-plane.waiver", ("nearly one of ours", "'controlplane.waiver'")),
        ("control_plane/masking", ("nearly one of ours", "'controlplane.masking'")),
        ("controlplane", ("nearly one of ours",)),
        ("controlplaneMasking", ("nearly one of ours",)),
        ("controlplane.Masking", ("did you mean 'controlplane.masking'",)),
        ("controlplane.writeMode", ("belongs to an object of schema, not to a property",)),
        ("controlplane.check", ("belongs to a quality entry",)),
    ],
)
def test_a_name_that_is_ours_or_nearly_so_must_be_known_where_it_stands(name: str, words: tuple[str, ...]) -> None:
    old = "{property: controlplane.dataCategory, value: [person_name]}"
    only_problem(changed(old, f"{old}\n    - {{property: {name}, value: 1}}"), name, *words)


def test_a_name_of_others_is_left_alone() -> None:
    old = "{property: controlplane.dataCategory, value: [person_name]}"
    for name in ("masking", "layer", "controller.name", "acme.controlplane", "dataplane.layer"):
        assert loaded(changed(old, f"{old}\n    - {{property: {name}, value: 1}}")).warnings == ()


def test_our_property_twice_or_where_it_means_nothing_is_an_error() -> None:
    twice = "- {property: controlplane.tier, value: 1}"
    only_problem(changed(twice, f"{twice}\n{twice}  # again"), "again", "stands twice")
    team = "{name: shipping-data, customProperties: [{property: controlplane.tier, value: 1}]}"
    only_problem(changed("{name: shipping-data}", team), "shipping-data", "belongs to the contract or an object of schema")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("controlplane.layer, value: silver", "controlplane.layer, value: sliver", ("did you mean 'silver'", "bronze")),
        ("controlplane.tier, value: 1", "controlplane.tier, value: 4", ("whole number from 1 to 3", "4")),
        ("controlplane.tier, value: 1", "controlplane.tier, value: true", ("whole number from 1 to 3",)),
        ("controlplane.lateness, value: PT3H", "controlplane.lateness, value: 3h", ("'3h'", "ISO-8601")),
        ("controlplane.lateness, value: PT3H", "controlplane.lateness, value: P1M", ("'P1M'", "days or smaller")),
        ("controlplane.lateness, value: PT3H", "controlplane.warmup, value: 0", ("from 1 to 1000",)),
        ("controlplane.lateness, value: PT3H", "controlplane.onUnknown, value: keep", ("hold, publish",)),
        ("controlplane.lateness, value: PT3H", "controlplane.compatibility, value: backwards", ("'backward'",)),
        ("controlplane.sensitivity, value: restricted", "controlplane.sensitivity, value: secret", ("confidential",)),
        ("controlplane.lateness, value: PT3H", "controlplane.history, value: ~", ("is empty",)),
        ("value: [person_name]", "value: person_name", ("must be a list of texts",)),
        ("value: [person_name]", "value: [person_name, person_name]", ("stands twice",)),
    ],
)
def test_a_value_of_ours_outside_its_words_is_an_error(old: str, new: str, words: tuple[str, ...]) -> None:
    only_problem(changed(old, new), new.rsplit(", ", maxsplit=1)[-1].split(": ", maxsplit=1)[0], *words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (STATE, STATE.replace("mustBe: 0", "mustBe: 0, mustNotBe: 1"), ("has mustBe and mustNotBe; keep one",)),
        (STATE, STATE.replace(", mustBe: 0", ""), ("exactly one of mustBe", "has none")),
        (STATE, STATE.replace("mustBe: 0", "mustBe: none"), ("must be a number", "'none'")),
        (STATE, STATE.replace("mustBe: 0", "mustBe: -1"), ("counts rows",)),
        (STATE, STATE.replace("mustBe: 0", "mustBeLessThan: 101, unit: percent"), ("more than all of them",)),
        (STATE, STATE.replace("mustBe: 0", "mustBeBetween: [5, 1]"), ("greater number first",)),
        (STATE, STATE.replace("mustBe: 0", "mustBe: 0, unit: per cent"), ("did you mean 'percent'", "rows, percent")),
        (STATE, STATE.replace("id: state_known, ", ""), ("'id' is missing", "reported id")),
        (STATE, STATE.replace("state_known", "state.known"), ("id", "must match")),
        (STATE, STATE.replace("state_known", "required"), ("'required'", "schema implies")),
        (STATE, STATE.replace("mustBe: 0", "mustBe: 0, severity: high"), ("info, warning, error, critical",)),
        (STATE, STATE.replace("mustBe: 0", "mustBe: 0, dimension: validity"), ("uniqueness",)),
        (STATE, STATE.replace("mustBe: 0", "mustBe: 0, schedule: '0 25 * * *'"), ("'25' is no hour", "0 to 23")),
        (STATE, STATE.replace("mustBe: 0", "mustBe: 0, schedule: '0 20 * *'"), ("five fields",)),
        (STATE, STATE.replace("mustBe: 0", "mustBe: 0, scheduler: airflow"), ("scheduler", "cron")),
        (STATE, STATE.replace("mustBe: 0", "mustBe: 0, scheduler: cron"), ("needs a schedule",)),
        (STATE, STATE.replace("[packed, sent]", "[1, sent]"), ("the number 1", "string", "quotes")),
        (STATE, STATE.replace("[packed, sent]", "[]"), ("at least one value",)),
        (STATE, STATE.replace("validValues: [packed, sent]", ""), ("what is valid is missing", "pattern")),
        (STATE, STATE.replace("validValues: [packed, sent]", "pattern: '(?=a)'"), ("RE2", "look-around")),
        (STATE, STATE.replace("validValues: [packed, sent]", "pattern: '(a)\\1'"), ("RE2", "backreferences")),
        (STATE, STATE.replace("validValues: [packed, sent]", "pattern: '['"), ("not a regular expression",)),
        (STATE, STATE.replace("validValues: [packed, sent]", "format: mail"), ("did you mean 'email'",)),
        (STATE, STATE.replace("validValues: [packed, sent]", "minLength: 5, maxLength: 2"), ("no value could be valid",)),
        (STATE, STATE.replace("validValues: [packed, sent]", "minimum: 5"), ("the number 5 cannot be", "string")),
        (STATE, STATE.replace("invalidValues", "rowCount"), ("about a whole object",)),
        (STATE, STATE.replace("invalidValues", "missingValues"), ("'missingValues' is missing",)),
        (STATE, "{id: x, type: custom, engine: controlplan, implementation: {}}", ("engine", "nearly ours")),
        ("{minimum: 0}", "{pattern: a}", ("for texts", "decimal(8, 3)")),
        ("{minimum: 0}", "{minimum: low}", ("the text 'low'", "decimal(8, 3)")),
    ],
)
def test_a_rule_of_the_standard_must_make_sense(old: str, new: str, words: tuple[str, ...]) -> None:
    text = changed(old, new)
    found = problems(text)
    assert len({problem.line for problem in found}) == 1, [str(problem) for problem in found]
    assert new in text.splitlines()[found[0].line - 1]
    together = " ".join(f"{problem.path}: {problem.message}" for problem in found)
    for word in words:
        assert word in together


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (VOLUME, VOLUME.replace("volumeChange", "volumechange"), ("did you mean 'volumeChange'", "reconciliation")),
        (VOLUME, VOLUME.replace("volumeChange", "anomaly"), ("'anomaly' is not supported yet by this version",)),
        (VOLUME, DRIFT.replace("columns: [a, b], ", ""), ("at least one",)),
        (VOLUME, DRIFT.replace("[a, b]", "[a, a]"), ("stands twice",)),
        (VOLUME, DRIFT.replace("payload: state, ", ""), ("only for a payload",)),
        (VOLUME, DRIFT.replace("state", "weight"), ("a text that holds a JSON object",)),
        (VOLUME, DRIFT.replace("state", "stat"), ("did you mean 'state'",)),
        (VOLUME, DRIFT.replace("unit: columns", "unit: rows"), ("allowed are columns",)),
        (VOLUME, DRIFT.replace("columns: [a, b]", "columns: [a, b], period: P1D"), ("unknown key 'period'",)),
        (VOLUME, VOLUME.replace("volumeChange", "distribution"), ("not supported yet",)),
        (VOLUME, VOLUME.replace("volumeChange", "eventSequence"), ("not supported yet",)),
        (VOLUME, VOLUME.replace("kind: volumeChange, ", ""), ("'kind' is missing",)),
        (VOLUME, VOLUME.replace("P1D", "P2D"), ("P1D",)),
        (VOLUME, VOLUME.replace("against: median", "against: mode"), ("median, mean",)),
        (VOLUME, VOLUME.replace("[-30, 30]", "[30, -30]"), ("greater number first",)),
        (VOLUME, VOLUME.replace("[-30, 30]", "[30]"), ("list of two numbers",)),
        (VOLUME, VOLUME.replace("[-30, 30]", "[a, 30]"), ("list of two numbers",)),
        (VOLUME, VOLUME.replace("mustBeBetween: [-30, 30], ", ""), ("exactly one of", "has none")),
        (VOLUME, VOLUME.replace("unit: percent", "unit: percent, mustBe: 0"), ("keep one",)),
        (VOLUME, VOLUME.replace("unit: percent", "unit: s"), ("unit for volumeChange", "percent")),
        (FRESH, FRESH.replace("field: updated_at", "field: updatd_at"), ("did you mean 'updated_at'",)),
        (FRESH, FRESH.replace("field: updated_at", "field: state"), ("state is of type string", "timestamptz")),
        (FRESH, FRESH.replace("field: updated_at, reference: heartbeat, ", ""), ("what is fresh is missing",)),
        (FRESH, FRESH.replace("heartbeat", "hartbeat"), ("did you mean 'heartbeat'",)),
        (FRESH, FRESH.replace("unit: s", "unit: fortnight"), ("s, min, h, d",)),
        (FRESH, FRESH.replace("reference: heartbeat", "timeZone: Europe/Berlinn"), ("IANA",)),
        (REFERENCE, REFERENCE.replace("to: silver.carriers, ", ""), ("'to' is missing",)),
        (REFERENCE, REFERENCE.replace("{carrier_id: carrier_id}", "{carier_id: carrier_id}"), ("did you mean 'carrier_id'",)),
        (REFERENCE, REFERENCE.replace("{carrier_id: carrier_id}", "{}"), ("at least one field",)),
        (REFERENCE, REFERENCE.replace("where: is_current", "where: 'select 1'"), ("not a condition on one row",)),
        (VOLUME, "implementation: {kind: aggregate, function: sum, mustBe: 1}", ("'field' is missing",)),
        (
            VOLUME,
            "implementation: {kind: aggregate, function: total, field: weight, mustBe: 1}",
            ("unknown value 'total'", "sum"),
        ),
        (VOLUME, "implementation: {kind: aggregate, function: avg, field: state, mustBe: 1}", ("needs a number",)),
        (VOLUME, "implementation: {kind: aggregate, function: quantile, field: weight, mustBe: 1}", ("'quantile' is missing",)),
        (
            VOLUME,
            "implementation: {kind: aggregate, function: quantile, quantile: 95, field: weight, mustBe: 1}",
            ("between 0 and 1",),
        ),
        (VOLUME, "implementation: {kind: reconciliation, to: a.b, measure: weight, mustBe: 0}", ("an aggregate such as",)),
        (VOLUME, "implementation: {kind: reconciliation, to: a.b, measure: sum(wight), mustBe: 0}", ("did you mean 'weight'",)),
        (
            VOLUME,
            "implementation: {kind: reconciliation, to: a.b, measure: count(*), keys: [sttate], mustBe: 0}",
            ("did you mean 'state'",),
        ),
        (VOLUME, "implementation: none", ("must be a map",)),
    ],
)
def test_a_rule_of_ours_must_make_sense(old: str, new: str, words: tuple[str, ...]) -> None:
    text = changed(old, new)
    found = problems(text)
    assert len(found) == 1, [str(problem) for problem in found]
    assert new in text.splitlines()[found[0].line - 1]
    for word in words:
        assert word in f"{found[0].path}: {found[0].message}"


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (CHECK.replace("max: 1", "max: 101"), ("from 0 to 100",)),
        (CHECK.replace("max: 1", "max: -1"), ("from 0 to 100",)),
        (CHECK.replace("max: 1, ", ""), ("'max' is missing",)),
        (CHECK.replace("unit: percent", "unit: kg"), ("rows, percent",)),
        (CHECK.replace("minRows: 10", "minRows: -1"), ("whole number from 0",)),
        (CHECK.replace("minRows: 10", "blocking: 1"), ("true or false",)),
        (CHECK.replace("minRows: 10", "blocking: false"), ("does not block", "blocking: true")),
        (CHECK.replace("minRows: 10", "segmentBy: stat"), ("did you mean 'state'",)),
        (CHECK.replace("minRows: 10", "tolerance: {absolute: 1}"), ("closeness of numbers", "aggregate")),
        (CHECK.replace("state = 'sent'", "stat = 'sent'"), ("did you mean 'state'",)),
        (CHECK.replace("state = 'sent'", "count(*) > 1"), ("without SELECT or aggregates",)),
        (CHECK.replace("state = 'sent'", "1) or (1=1"), ("is not a condition on one row",)),
        (CHECK.replace("state = 'sent'", "state = "), ("not SQL that can be read",)),
        (CHECK.replace("state = 'sent'", "s.state = 'x'"), ("names a table",)),
        ("value: 7", ("must be a map",)),
    ],
)
def test_the_handling_of_failing_rows_must_make_sense(new: str, words: tuple[str, ...]) -> None:
    text = changed(CHECK, new)
    found = problems(text)
    assert new in text.splitlines()[found[0].line - 1]
    together = " ".join(f"{problem.path}: {problem.message}" for problem in found)
    for word in words:
        assert word in together


def test_rows_are_set_aside_only_where_single_rows_fail() -> None:
    check = "    customProperties: [{property: controlplane.check, value: {quarantine: {max: 1}}}]\n"
    text = changed("    mustBeGreaterOrEqualTo: 1\n", f"    mustBeGreaterOrEqualTo: 1\n{check}")
    only_problem(text, "quarantine", "rowCount judges the whole table", "remove it")


def test_rows_are_not_set_aside_from_a_dataset_that_is_overwritten() -> None:
    mode = SHIPMENTS[SHIPMENTS.index("      mode: merge") : SHIPMENTS.index("  - {property: controlplane.lateness")]
    only_problem(changed(mode, "      mode: overwrite\n"), "quarantine", "overwritten as a whole")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("      keys: [shipment_id]\n", "", ("mode merge needs keys",)),
        ("      orderBy: [source_lsn]\n", "      orderBy: []\n", ("mode merge needs orderBy",)),
        ("mode: merge", "mode: upsert", ("append, merge, overwrite, scd2",)),
        ("mode: merge", "mode: append", ("not for mode append",)),
        ("mode: merge", "mode: scd2", ("needs effectiveAt, validFrom, validTo, isCurrent",)),
        ("keys: [shipment_id]", "keys: [shipmentid]", ("did you mean 'shipment_id'",)),
        ("keys: [shipment_id]", "keys: shipment_id", ("must be a list of texts",)),
        ("orderBy: [source_lsn]", "orderBy: [source_lns]", ("did you mean 'source_lsn'",)),
        ("deleteWhen: \"op = 'd'\"", 'deleteWhen: "op ="', ("not SQL that can be read",)),
        ('["bucket(8, shipment_id)"]', '["bucket(shipment_id)"]', ("not a partition transform", "bucket(n, field)")),
        ('["bucket(8, shipment_id)"]', '["bucket(0, shipment_id)"]', ("not a partition transform",)),
        ('["bucket(8, shipment_id)"]', '["day(shipment_id)"]', ("day does not fit type long", "timestamptz")),
        ('["bucket(8, shipment_id)"]', '["truncate(2, updated_at)"]', ("truncate does not fit",)),
        ('["bucket(8, shipment_id)"]', '["bucket(8, shipmentid)"]', ("did you mean 'shipment_id'",)),
        ('["bucket(8, shipment_id)"]', '["week(updated_at)"]', ("not a partition transform",)),
    ],
)
def test_a_write_mode_must_make_sense(old: str, new: str, words: tuple[str, ...]) -> None:
    found = problems(changed(old, new))
    together = " ".join(f"{problem.path}: {problem.message}" for problem in found)
    for word in words:
        assert word in together
    assert "controlplane.writeMode" in found[0].path


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ("validFrom: weight", ("weight is of type decimal(8, 3)", "timestamptz")),
        ("validTo: updated_at", ("updated_at is required", "remove required")),
        ("isCurrent: state", ("it must be boolean",)),
        ("effectiveAt: state", ("state is of type string",)),
        ("validFrom: day", ("type date", "effectiveAt is of type timestamptz")),
    ],
)
def test_the_interval_of_scd2_must_fit(interval: str, words: tuple[str, ...]) -> None:
    parts = {"effectiveAt": "updated_at", "validFrom": "starts", "validTo": "ends", "isCurrent": "now"}
    key, name = interval.split(": ")
    lines = "".join(f"      {part}: {field}\n" for part, field in {**parts, key: name}.items())
    text = changed("      mode: merge\n", f"      mode: scd2\n{lines}")
    text = changed(
        "  quality:\n  - id: enough",
        "  - {name: starts, logicalType: timestamp}\n  - {name: ends, logicalType: timestamp}\n"
        "  - {name: now, logicalType: boolean}\n  - {name: day, logicalType: date}\n  quality:\n  - id: enough",
        text,
    )
    found = problems(text)
    for word in words:
        assert word in " ".join(problem.message for problem in found)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (MASKING.replace("domain: receiver-name, ", ""), ("a token needs a domain",)),
        (MASKING.replace("receiver-name", "Receiver Name"), ("a token needs a domain", "lower-case")),
        (MASKING.replace("ascii-lower-trim", "lower"), ("ascii-lower-trim",)),
        (MASKING.replace("technique: token", "technique: tokens"), ("did you mean 'token'", "truncate")),
        (MASKING.replace("technique: token, ", ""), ("'technique' is missing",)),
        ("value: {technique: truncate, to: year}", ("number of leading characters",)),
        ("value: {technique: truncate}", ("number of leading characters",)),
        ("value: {technique: drop, domain: x}", ("domain is for technique token",)),
        ("value: {technique: token, domain: x, to: 3}", ("to is for technique truncate",)),
        ("value: token", ("must be a map",)),
    ],
)
def test_masking_must_fit_the_field(new: str, words: tuple[str, ...]) -> None:
    found = problems(changed(MASKING, new))
    together = " ".join(f"{problem.path}: {problem.message}" for problem in found)
    for word in words:
        assert word in together


def test_masking_must_fit_the_type_and_the_key() -> None:
    weight = changed(
        "    name: weight\n",
        "    name: weight\n    customProperties: [{property: controlplane.masking, value: {technique: truncate, to: 2}}]\n",
    )
    only_problem(weight, "customProperties", "truncate does not fit type decimal")
    key = "required: true, primaryKey: true, customProperties: [{property: controlplane.masking, value: {technique: drop}}]}"
    only_problem(changed("required: true, primaryKey: true}", key), "keys", "could not be told apart", "use token")


def test_no_direct_personal_data_in_clear_above_bronze() -> None:
    masking = f"    - {{property: controlplane.masking, {MASKING}}}\n"
    clear = changed(masking, "")
    only_problem(clear, "id: receiver", "receiver holds person_name in clear in layer silver", "waiver {by, until, reason}")
    assert loaded(changed("controlplane.layer, value: silver", "controlplane.layer, value: bronze", clear)).warnings == ()
    waiver = "    - {property: controlplane.waiver, value: {by: privacy, until: '2030-01-31', reason: names of firms}}\n"
    assert loaded(changed(masking, waiver)).warnings == ()


@pytest.mark.parametrize(
    ("category", "extra", "words"),
    [
        ("[email]", "", ("holds email in clear",)),
        ("[email]", "quasiIdentifier", ("holds email in clear",)),
        ("[emial]", "quasiIdentifier", ("'emial'", "nearly 'email'")),
        ("[shoe_size]", "", ("counts as direct", "quasiIdentifier")),
    ],
)
def test_a_category_counts_as_direct_until_declared_otherwise(category: str, extra: str, words: tuple[str, ...]) -> None:
    flag = f", {{property: controlplane.{extra}, value: true}}" if extra else ""
    label = f"    customProperties: [{{property: controlplane.dataCategory, value: {category}}}{flag}]\n"
    only_problem(changed("    name: state\n", f"    name: state\n{label}"), "id: state", *words)


def test_a_restricted_field_is_masked_too() -> None:
    label = "    customProperties: [{property: controlplane.sensitivity, value: restricted}]\n"
    only_problem(changed("    name: state\n", f"    name: state\n{label}"), "id: state", "state is restricted and in clear")


def test_a_waiver_is_signed_dated_and_ends() -> None:
    label = (
        "    - {property: controlplane.masking, value: {technique: token, domain: receiver-name, profile: ascii-lower-trim}}"
    )
    waiver = "    - {property: controlplane.waiver, value: {by: privacy, until: 2027-06-30, reason: names of firms}}"
    text = changed(label, waiver)
    assert load_contract(text, today=date(2027, 6, 30)).warnings == ()
    with pytest.raises(ContractInvalidError, match=r"the waiver of privacy ended on 2027-06-30; mask the field"):
        load_contract(text, today=date(2027, 7, 1))
    only_problem(changed("until: 2027-06-30", "until: 30.06.2027", text), "waiver", "'30.06.2027' is not a date")
    only_problem(changed("by: privacy, ", "", text), "waiver", "'by' is missing")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("property: latency", "property: latncy", ("did you mean 'latency'", "throughput")),
        ("unit: h, element", "unit: hrs, element", ("unit 'hrs' is unknown", "hours")),
        ("unit: h, element", "element", ("needs a unit",)),
        ("value: 2, unit: h", "value: two, unit: h", ("number of time units",)),
        ("element: shipments.updated_at", "element: shipments.updatedat", ("did you mean 'shipments.updated_at'",)),
        ("property: latency, value: 2, unit: h", "property: endOfLife, value: soon", ("must be a date",)),
        ("property: latency, value: 2, unit: h", "property: availability, value: 101", ("from 0 to 100",)),
    ],
)
def test_a_producers_guarantee_must_be_measurable(old: str, new: str, words: tuple[str, ...]) -> None:
    only_problem(changed(old, new), "id: fresh, ", *words)


def test_all_problems_are_told_at_once_by_line() -> None:
    text = changed("technique: token", "technique: hash")
    text = changed("mode: merge", "mode: upsert", text)
    text = changed("validValues: [packed, sent]", "validValue: [packed, sent]", text)
    with pytest.raises(ConfigurationError) as caught:
        load_contract(text)
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    numbers = [int(line.split(":")[1]) for line in lines]
    assert numbers == sorted(numbers)
    assert all(line.startswith("<text>:") for line in lines)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("apiVersion: v3.1.0", "apiVersion: v3.3.0", ("'v3.3.0'", "v3.1.0, v3.2.0")),
        ("apiVersion: v3.1.0", "apiVersion: v2.2.2", ("'v2.2.2'", "allowed are v3.0.0")),
        ("apiVersion: v3.1.0", "apiVersion: 3.1", ("must be text",)),
        ("kind: DataContract", "kind: DataProduct", ("DataContract",)),
        ("version: 1.0.0", "version: 1.0", ("version", "must be text, not the number 1.0")),
        ("    name: state\n", "", ("'name' is missing",)),
        ("name: carrier_id\n    logicalType: integer", "name: carrier_id\n    logicalType: int", ("did you mean", "integer")),
        ("physicalType: decimal(8,3)", "physicalType: money", ("physicalType 'money' is unknown", "decimal(p,s)")),
        ("    required: true\n", "    required: yes\n", ("must be true or false, not the text 'yes'",)),
        ("    name: weight\n", "    name: State\n", ("'State' stands twice", "ignore case")),
        ("physicalName: silver.shipments", "physicalName: silver shipments", ("letters, digits",)),
        ("bigint, required: true, primaryKey: true}", "bigint, required: true, primaryKey: 1}", ("true or false",)),
    ],
)
def test_the_schema_itself_must_make_sense(old: str, new: str, words: tuple[str, ...]) -> None:
    found = problems(changed(old, new))
    together = " ".join(f"{problem.path}: {problem.message}" for problem in found)
    for word in words:
        assert word in together


def test_an_id_stands_once_in_its_list() -> None:
    only_problem(changed("  - id: volume", "  - id: enough  # again"), "again", "'enough' stands twice")


def test_a_dataset_stands_once_in_a_contract() -> None:
    text = f"{SHIPMENTS}- {{name: others, physicalName: silver.shipments, properties: []}}\n"
    only_problem(text, "others", "'silver.shipments' is described twice")


def test_a_query_is_one_select() -> None:
    query = "query: SELECT count(*) FROM {object} WHERE weight > 1000"
    only_problem(changed(query, "query: DELETE FROM {object}"), "DELETE", "write one SELECT")
    only_problem(changed(query, "query: SELECT 1; SELECT 2"), "SELECT 1", "holds 2 statements")


def test_a_text_rule_and_another_engines_rule_are_warnings() -> None:
    text = changed("  - id: enough", "  - {id: told, type: text, description: Scales are calibrated}\n  - id: enough")
    text = changed("  - id: enough", "  - {id: soda, type: custom, engine: soda, implementation: {x: 1}}\n  - id: enough", text)
    contract = loaded(text)
    assert len(contract.warnings) == 2
    assert "is a text for people and is not checked" in contract.warnings[0]
    assert "'soda' is not run by this product" in contract.warnings[1]
    assert {rule.id for rule in contract.datasets[0].rules} == {"enough", "volume", "fresh", "heavy"}
