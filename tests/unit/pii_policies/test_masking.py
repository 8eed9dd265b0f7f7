from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from controlplane.kernel.errors import ConfigurationError
from pii_policies.masking import (
    format_predicate,
    mask_query,
    mask_value,
    masked_type,
    pads_relation,
    policy_sha256,
    token,
    validate_rule,
)
from pii_policies.model import MaskRule, MasterKey, Profile, Technique
from pii_policies.tokens import pads

KEY = MasterKey(b"k" * 32, 3)
EMAIL = MaskRule("email", Technique.TOKEN, "customer-email", Profile.ASCII_LOWER_TRIM)
PHONE = MaskRule("phone", Technique.TOKEN, "phone", Profile.DIGITS)
BIRTH = MaskRule("birth", Technique.TRUNCATE, to="year")
COLUMNS = [("id", "long"), ("email", "string"), ("phone", "string"), ("birth", "date")]


def test_keys_are_parameters_in_the_order_of_the_text() -> None:
    query = mask_query("silver.customers", COLUMNS, [EMAIL, PHONE, BIRTH], KEY)

    email, phone = pads(EMAIL, KEY), pads(PHONE, KEY)
    assert query.parameters == (email.outer, email.inner, phone.outer, phone.inner)
    assert query.sql.count("?") == 4
    assert '"silver"."customers"' in query.sql
    assert all(pad.hex() not in query.sql for pad in (email.inner, email.outer))
    assert "kkkk" not in repr(query)
    assert email.outer.hex() not in repr(query)


def test_keys_of_distinct_values_come_first_because_their_text_does() -> None:
    query = mask_query("t", COLUMNS, [EMAIL, PHONE], KEY, distinct=["phone"])

    email, phone = pads(EMAIL, KEY), pads(PHONE, KEY)
    assert query.parameters == (phone.outer, phone.inner, email.outer, email.inner)
    assert query.sql.startswith("WITH ")


def test_spark_gets_no_key_as_a_parameter() -> None:
    query = mask_query("t", COLUMNS, [EMAIL], KEY, dialect="spark")

    assert query.parameters == ()
    assert "?" not in query.sql
    assert pads_relation([EMAIL], KEY).to_pylist() == [
        {"email inner": pads(EMAIL, KEY).inner, "email outer": pads(EMAIL, KEY).outer}
    ]


def test_a_plan_without_tokens_still_has_a_row_of_pads() -> None:
    assert pads_relation([BIRTH], KEY).num_rows == 1


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ([MaskRule("fax", Technique.NULL)], "name a column of its own"),
        ([EMAIL, MaskRule("email", Technique.NULL)], "name a column of its own"),
        ([MaskRule(name, Technique.DROP) for name, _ in COLUMNS], "keep at least one"),
        ([MaskRule("id", Technique.TRUNCATE, to="2")], "truncate fits"),
    ],
)
def test_a_plan_that_does_not_fit_its_relation_is_refused(rules: list[MaskRule], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        mask_query("t", COLUMNS, rules, KEY)


@pytest.mark.parametrize(
    ("rule", "canonical_type"),
    [
        (MaskRule("f", Technique.TOKEN, "d"), "double"),
        (MaskRule("f", Technique.TOKEN, "d"), "float"),
        (MaskRule("f", Technique.TOKEN, "d"), "boolean"),
        (MaskRule("f", Technique.TOKEN, "d"), "time"),
        (MaskRule("f", Technique.TOKEN), "string"),
        (MaskRule("f", Technique.TOKEN, "d", Profile.DIGITS), "binary"),
        (MaskRule("f", Technique.TRUNCATE), "date"),
        (MaskRule("f", Technique.TRUNCATE, to="day"), "date"),
        (MaskRule("f", Technique.TRUNCATE, to="3"), "timestamptz"),
        (MaskRule("f", Technique.TRUNCATE, to="year"), "string"),
        (MaskRule("f", Technique.TRUNCATE, to="0"), "string"),
        (MaskRule("f", Technique.TRUNCATE, to="٣"), "string"),
        (MaskRule("f", Technique.TRUNCATE, to="year"), "long"),
        (MaskRule("f", Technique.TRUNCATE, to="2"), "binary"),
    ],
)
def test_a_technique_that_does_not_fit_a_type_is_refused(rule: MaskRule, canonical_type: str) -> None:
    with pytest.raises(ConfigurationError, match="'f'"):
        validate_rule(rule, canonical_type)


@pytest.mark.parametrize(
    ("rule", "canonical_type", "masked"),
    [
        (MaskRule("f", Technique.TOKEN, "d"), "date", "string"),
        (MaskRule("f", Technique.TOKEN, "d"), "decimal(10, 2)", "string"),
        (MaskRule("f", Technique.TRUNCATE, to="month"), "date", "date"),
        (MaskRule("f", Technique.TRUNCATE, to="2"), "string", "string"),
        (MaskRule("f", Technique.NULL), "double", "double"),
    ],
)
def test_the_masked_type(rule: MaskRule, canonical_type: str, masked: str) -> None:
    assert masked_type(canonical_type, rule) == masked


def test_a_dropped_field_has_neither_type_nor_format() -> None:
    dropped = MaskRule("f", Technique.DROP)

    with pytest.raises(ConfigurationError, match="dropped"):
        masked_type("string", dropped)
    with pytest.raises(ConfigurationError, match="dropped"):
        format_predicate(dropped, "f", "string")


SUMMER = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("rule", "value", "masked"),
    [
        (EMAIL, " Jane@X.org ", token("jane@x.org", rule=EMAIL, key=KEY)),
        (EMAIL, None, None),
        (BIRTH, date(1980, 5, 17), date(1980, 1, 1)),
        (BIRTH, None, None),
        (BIRTH, datetime(2018, 1, 1, 1, tzinfo=SUMMER), datetime(2017, 1, 1, tzinfo=UTC)),
        (MaskRule("f", Technique.TRUNCATE, to="month"), date(1980, 5, 17), date(1980, 5, 1)),
        (MaskRule("f", Technique.TRUNCATE, to="month"), datetime(1980, 5, 17, 3, 4, 5, 6), datetime(1980, 5, 1)),  # noqa: DTZ001
        (MaskRule("f", Technique.TRUNCATE, to="2"), "10115", "10"),
        (MaskRule("f", Technique.NULL), "x", None),
        (MaskRule("f", Technique.DROP), "x", None),
    ],
)
def test_one_value_is_masked_alike(rule: MaskRule, value: object, masked: object) -> None:
    assert mask_value(value, rule=rule, key=KEY) == masked


@pytest.mark.parametrize("value", [7, "1980"])
def test_a_value_that_cannot_be_truncated_is_refused_without_quoting_it(value: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        mask_value(value, rule=BIRTH, key=KEY)

    assert "1980" not in str(caught.value)


def test_the_digest_of_a_plan_is_of_its_content() -> None:
    assert policy_sha256([EMAIL, PHONE]) == policy_sha256([PHONE, EMAIL])
    assert len({policy_sha256(plan) for plan in ([], [EMAIL], [EMAIL, PHONE], [MaskRule("email", Technique.NULL)])}) == 4
