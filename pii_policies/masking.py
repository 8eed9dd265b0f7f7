"""Masking as one SELECT: every column of a relation, the masked ones replaced before anything is written.

Keys reach the engine as bound parameters (DuckDB) or as a registered one-row relation (Spark), never in the text of a query.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Literal, TypeAlias

import pyarrow as pa

from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.sql import identifier
from controlplane.kernel.types import arrow_type, sql_type
from pii_policies.model import MaskRule, MasterKey, Profile, SqlQuery, Technique
from pii_policies.tokens import BLANKS, HEX_DIGITS, VERSION, pads, token, token_domain

__all__ = [
    "PADS_RELATION",
    "format_predicate",
    "mask_query",
    "mask_value",
    "masked_type",
    "pads_relation",
    "policy_sha256",
    "token",
    "validate_rule",
]

Dialect: TypeAlias = Literal["duckdb", "spark"]

PADS_RELATION = "controlplane_pads"
"""Name of the one-row relation that Spark reads the pads from."""

_TOKEN_TYPES = ("string", "binary", "long", "int", "date", "timestamptz", "timestamp")
_DATE_TYPES = ("date", "timestamptz", "timestamp")
_PARTS = ("year", "month")
_UPPER, _LOWER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
_SQL_BLANKS = " || ".join("' '" if blank == " " else f"chr({ord(blank)})" for blank in BLANKS)


def mask_query(
    relation: str,
    columns: Sequence[tuple[str, str]],
    rules: Sequence[MaskRule],
    key: MasterKey,
    *,
    dialect: Dialect = "duckdb",
    distinct: Collection[str] = (),
) -> SqlQuery:
    """Return ONE SELECT over a relation with all its columns in order, masked ones replaced and dropped ones left out.

    Args:
        relation: registered name; a dot parts schema and table (``silver.orders``).
        columns: (name, canonical type) of every column of the relation.
        rules: at most one per column.
        key: master key of the tokens.
        dialect: ``spark`` reads the pads from ``PADS_RELATION`` (see ``pads_relation``) and has no parameters: Spark prints
            bound values in its plans and its user interface.
        distinct: token fields whose values repeat; each distinct value is hashed once. The rows then come in any order,
            while without it they keep the relation's order.

    Raises:
        ConfigurationError: a rule fits no column or not its type, or two rules name one column.
    """
    types, by_field = dict(columns), {rule.field: rule for rule in rules}
    if len(by_field) < len(rules) or by_field.keys() - types.keys():
        message = (
            f"the mask rules for {', '.join(rule.field for rule in rules)} do not fit {relation}, whose columns are "
            f"{', '.join(types)}: each rule must name a column of its own"
        )
        raise ConfigurationError(message)
    for rule in rules:
        validate_rule(rule, types[rule.field])
    writer = _Writer(dialect, key, relation)
    shown = [
        writer.column(name, types[name], by_field.get(name), once=name in distinct)
        for name in types
        if name not in by_field or by_field[name].technique is not Technique.DROP
    ]
    if not shown:
        message = f"the mask rules drop every column of {relation}; keep at least one"
        raise ConfigurationError(message)
    return writer.query(shown)


def pads_relation(rules: Sequence[MaskRule], key: MasterKey) -> pa.Table:
    """Return the one-row relation to register as ``PADS_RELATION`` before a Spark mask query runs.

    Raises:
        ConfigurationError: a token rule has no domain, or the key is too short.
    """
    columns: dict[str, list[bytes]] = {}
    for rule in rules:
        if rule.technique is Technique.TOKEN:
            both = pads(rule, key)
            columns |= {f"{rule.field} inner": [both.inner], f"{rule.field} outer": [both.outer]}
    return pa.table(columns or {"none": [b""]})


def mask_value(value: object, *, rule: MaskRule, key: MasterKey) -> object:
    """Return one value as ``mask_query`` would show it; None where the field is nulled or dropped.

    Raises:
        ConfigurationError: the rule does not fit a value of this type.
    """
    match rule.technique:
        case Technique.TOKEN:
            return token(value, rule=rule, key=key)
        case Technique.TRUNCATE if value is not None:
            return _truncated(value, rule)
    return None


def masked_type(canonical_type: str, rule: MaskRule) -> str:
    """Return the canonical type of a field after masking: a token is a ``string``, other techniques keep the type.

    Raises:
        ConfigurationError: the rule does not fit the type, or the field is dropped and so has none.
    """
    validate_rule(rule, canonical_type)
    if rule.technique is Technique.DROP:
        message = f"field {rule.field!r} is dropped by its masking; it has no type afterwards and must not be asked for"
        raise ConfigurationError(message)
    return "string" if rule.technique is Technique.TOKEN else canonical_type


def format_predicate(
    rule: MaskRule, column: str, canonical_type: str, *, epoch: int | None = None, dialect: Dialect = "duckdb"
) -> str:
    """Return an SQL condition that is TRUE for a well masked value that is not null, and FALSE for any other.

    Args:
        rule: how the column was masked.
        column: its name, unquoted.
        canonical_type: type of the *clear* value.
        epoch: the only key epoch allowed; None allows any.
        dialect: whose SQL to write.

    Raises:
        ConfigurationError: the rule does not fit the type, or the field is dropped and so has no column.
    """
    masked_type(canonical_type, rule)
    name = _quoted(column, dialect)
    match rule.technique:
        case Technique.TOKEN:
            number = "[1-9][0-9]*" if epoch is None else str(epoch)
            pattern = f"{VERSION}[.]{token_domain(rule)}[.]{number}[.][0-9a-f]{{{HEX_DIGITS}}}"
            if dialect == "duckdb":
                return f"regexp_full_match({name}, '{pattern}')"
            # Java's '$' also matches before a line break at the end
            return f"(regexp_like({name}, '^{pattern}$') AND NOT regexp_like({name}, '[^a-z0-9._-]'))"
        case Technique.TRUNCATE if canonical_type == "string":
            return f"(length({name}) <= {rule.to})"
        case Technique.TRUNCATE:
            return f"({name} = {_truncation(rule, canonical_type, name, dialect)})"
    return f"({name} IS NULL)"


def validate_rule(rule: MaskRule, canonical_type: str) -> None:
    """Check that a rule can mask a field of this type.

    Raises:
        ConfigurationError: technique, domain, profile or ``to`` do not fit; the message says what would.
    """
    match rule.technique:
        case Technique.TOKEN:
            token_domain(rule)
            if canonical_type not in _TOKEN_TYPES and not canonical_type.startswith("decimal"):
                _refuse(rule, canonical_type, f"token fits {', '.join(_TOKEN_TYPES)} and decimal; use truncate, null or drop")
            if canonical_type == "binary" and rule.profile is not Profile.NONE:
                _refuse(rule, canonical_type, "bytes are tokenised as they are; write profile none")
        case Technique.TRUNCATE if canonical_type in _DATE_TYPES:
            if rule.to not in _PARTS:
                _refuse(rule, canonical_type, "a date or timestamp is truncated to: year or month")
        case Technique.TRUNCATE if canonical_type == "string":
            if rule.to is None or not (rule.to.isascii() and rule.to.isdigit() and int(rule.to) > 0):
                _refuse(rule, canonical_type, "text is truncated to a number of leading characters from 1")
        case Technique.TRUNCATE:
            _refuse(rule, canonical_type, "truncate fits date, timestamp, timestamptz and string; use token, null or drop")


def policy_sha256(rules: Sequence[MaskRule]) -> str:
    """Return the digest of a mask plan; the order of its rules does not count."""
    plain = sorted([rule.field, rule.technique.value, rule.domain or "", rule.profile.value, rule.to or ""] for rule in rules)
    return sha256(json.dumps(plain).encode()).hexdigest()


class _Writer:
    """Writes the SELECT and collects its parameters in the order in which the text names them."""

    def __init__(self, dialect: Dialect, key: MasterKey, relation: str) -> None:
        self._dialect, self._key = dialect, key
        self._relation = ".".join(_quoted(part, dialect) for part in relation.split("."))
        self._tables, self._table_parameters = list[str](), list[object]()
        self._joins, self._parameters = list[str](), list[object]()

    def column(self, name: str, canonical_type: str, rule: MaskRule | None, *, once: bool) -> str:
        """Return one item of the SELECT list."""
        shown = _quoted(name, self._dialect)
        source = f"source.{shown}"
        if rule is None:
            return f"{source} AS {shown}"
        match rule.technique:
            case Technique.TOKEN if once:
                return f"{self._joined(rule, canonical_type, source)} AS {shown}"
            case Technique.TOKEN:
                text, parameters = self._token(rule, canonical_type, source)
                self._parameters += parameters
                return f"{text} AS {shown}"
            case Technique.TRUNCATE:
                return f"{_truncation(rule, canonical_type, source, self._dialect)} AS {shown}"
        return f"CAST(NULL AS {_type_name(canonical_type, self._dialect)}) AS {shown}"

    def query(self, shown: Sequence[str]) -> SqlQuery:
        """Return the whole query."""
        tables = f"WITH {', '.join(self._tables)} " if self._tables else ""
        keys = f" CROSS JOIN {PADS_RELATION} AS pads" if self._dialect == "spark" else ""
        sql = f"{tables}SELECT {', '.join(shown)} FROM {self._relation} AS source{keys}{''.join(self._joins)}"
        return SqlQuery(sql, (*self._table_parameters, *self._parameters))

    def _joined(self, rule: MaskRule, canonical_type: str, source: str) -> str:
        alias = f"distinct_{len(self._tables)}"
        text, parameters = self._token(rule, canonical_type, "clear_value")
        self._table_parameters += parameters
        values = f"SELECT DISTINCT {source} AS clear_value FROM {self._relation} AS source WHERE {source} IS NOT NULL"
        keys = f" CROSS JOIN {PADS_RELATION} AS pads" if self._dialect == "spark" else ""
        self._tables.append(f"{alias} AS (SELECT clear_value, {text} AS token FROM ({values}) AS seen{keys})")
        self._joins.append(f" LEFT JOIN {alias} ON {source} = {alias}.clear_value")
        return f"{alias}.token"

    def _token(self, rule: MaskRule, canonical_type: str, source: str) -> tuple[str, list[object]]:
        prefix = f"{VERSION}.{token_domain(rule)}.{self._key.epoch}."
        if self._dialect == "spark":
            inner, outer = (f"pads.{_quoted(f'{rule.field} {pad}', 'spark')}" for pad in ("inner", "outer"))
            message = _message(rule, canonical_type, source, "spark")
            digest = f"sha2(concat({outer}, unhex(sha2(concat({inner}, {message}), 256))), 256)"
            return f"concat('{prefix}', left({digest}, {HEX_DIGITS}))", []
        both = pads(rule, self._key)
        digest = f"sha256(? || unhex(sha256(? || {_message(rule, canonical_type, source, 'duckdb')})))"
        return f"'{prefix}' || left({digest}, {HEX_DIGITS})", [both.outer, both.inner]


def _message(rule: MaskRule, canonical_type: str, source: str, dialect: Dialect) -> str:
    """Return SQL for the bytes that a token is made over: canonical text, normalised, in UTF-8."""
    if canonical_type == "binary":
        return source
    text = _normalised(_canonical(canonical_type, source, dialect), rule.profile, dialect)
    return f"encode({text})" if dialect == "duckdb" else f"CAST({text} AS BINARY)"


def _canonical(canonical_type: str, source: str, dialect: Dialect) -> str:
    if canonical_type == "string":
        return source
    if canonical_type not in {"timestamptz", "timestamp"}:
        return f"CAST({source} AS {'VARCHAR' if dialect == 'duckdb' else 'STRING'})"
    moment = _without_zone(canonical_type, source, dialect)
    end = "Z" if canonical_type == "timestamptz" else ""
    if dialect == "duckdb":
        return f"strftime({moment}, '%Y-%m-%dT%H:%M:%S.%f{end}')"
    return f"concat(date_format({moment}, 'yyyy-MM-dd'), 'T', date_format({moment}, 'HH:mm:ss.SSSSSS'), '{end}')"


def _normalised(text: str, profile: Profile, dialect: Dialect) -> str:
    """Return SQL that does what ``tokens.normalise`` does, shaped so that text which is normal already costs little."""
    match profile:
        case Profile.NONE:
            return text
        case Profile.DIGITS:
            flags = ", 'g'" if dialect == "duckdb" else ""
            return f"coalesce(nullif(regexp_replace({text}, '[^0-9]+', ''{flags}), ''), {text})"
        case Profile.ASCII_LOWER_TRIM:
            pass
    if dialect == "spark":
        return f"coalesce(nullif(btrim(translate({text}, '{_UPPER}', '{_LOWER}'), {_SQL_BLANKS}), ''), {text})"
    # lower() is Unicode's and differs between engines; over pure ASCII (as many bytes as characters) it is safe, and
    # 10 times faster than translate; trim is only paid for where a blank stands at an end
    lowered = f"CASE WHEN strlen({text}) = length({text}) THEN lower({text}) ELSE translate({text}, '{_UPPER}', '{_LOWER}') END"
    trimmed = f"coalesce(nullif(trim({lowered}, {_SQL_BLANKS}), ''), {text})"
    return f"CASE WHEN {text}[1] <= ' ' OR {text}[-1] <= ' ' THEN {trimmed} ELSE {lowered} END"


def _truncation(rule: MaskRule, canonical_type: str, source: str, dialect: Dialect) -> str:
    if canonical_type == "string":
        return f"left({source}, {rule.to})"
    if canonical_type == "date" and dialect == "duckdb":
        return f"CAST(date_trunc('{rule.to}', {source}) AS DATE)"
    if canonical_type == "date":
        return f"trunc({source}, '{rule.to}')"
    moment = _without_zone(canonical_type, source, dialect)
    if dialect == "duckdb":
        cut = f"date_trunc('{rule.to}', {moment})"
        return cut if canonical_type == "timestamp" else f"make_timestamptz(epoch_us({cut}))"
    first = f"year({moment}), {'1' if rule.to == 'year' else f'month({moment})'}, 1, 0, 0, 0"
    return f"make_timestamp_ntz({first})" if canonical_type == "timestamp" else f"make_timestamp({first}, 'UTC')"


def _truncated(value: object, rule: MaskRule) -> object:
    match value:
        case str():
            validate_rule(rule, "string")
            return value[: int(rule.to or 0)]
        case datetime():
            validate_rule(rule, "timestamp")
            moment = value.astimezone(UTC) if value.tzinfo is not None else value
            first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            return first.replace(month=1) if rule.to == "year" else first
        case date():
            validate_rule(rule, "date")
            return value.replace(day=1, month=1 if rule.to == "year" else value.month)
    message = f"field {rule.field!r}: a value of type {type(value).__name__} cannot be truncated; use token, null or drop"
    raise ConfigurationError(message)


def _without_zone(canonical_type: str, source: str, dialect: Dialect) -> str:
    """Return SQL for a timestamp in UTC without zone.

    It is counted from the epoch: a detour through the session's time zone repeats an hour each autumn.
    """
    if canonical_type == "timestamp":
        return source
    if dialect == "duckdb":
        return f"make_timestamp(epoch_us({source}))"
    return f"timestampadd(MICROSECOND, unix_micros({source}), TIMESTAMP_NTZ '1970-01-01 00:00:00')"


def _type_name(canonical_type: str, dialect: Dialect) -> str:
    if dialect == "duckdb":
        return sql_type(canonical_type)
    arrow_type(canonical_type)  # refuses what is no canonical type
    names = {"long": "BIGINT", "timestamptz": "TIMESTAMP", "timestamp": "TIMESTAMP_NTZ"}
    return names.get(canonical_type, canonical_type.upper())


def _quoted(name: str, dialect: Dialect) -> str:
    return identifier(name) if dialect == "duckdb" else "`" + name.replace("`", "``") + "`"


def _refuse(rule: MaskRule, canonical_type: str, allowed: str) -> None:
    message = (
        f"field {rule.field!r} of type {canonical_type} cannot be masked by {rule.technique.value} (to: {rule.to}): {allowed}"
    )
    raise ConfigurationError(message)
