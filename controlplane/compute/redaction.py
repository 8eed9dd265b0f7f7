"""Engine messages without the rows' values they quote.

A word survives only when it cannot be a value: it belongs to the engines' own message templates and type names, or is an
identifier of the query or of a registered relation. Dropping only what stands in quotes is not enough: values hold quotes and
line breaks themselves, and some messages show them without any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from sqlglot import TokenType, tokenize
from sqlglot.errors import SqlglotError

_TEMPLATE = frozenset(
    re.findall(
        r"\w+",
        """
a addition aggregate allowed already ambiguous an and argument arguments array as at be bigint binary binder blob
block bool boolean byte bytes cannot cast casting catalog clause close column columns compare comparison configuration
constraint context conversion convert could date datetime decimal declared depth did digits disabled division does
double due duplicate empty end error exceeded exceeds exception execute exist exists expected expects expression
expressions extract failed field file find float for found fractional from function functions given group has have
hugeint if implemented in index input int int128 int16 int32 int64 int8 integer internal interval into invalid is json
limit list literal long malformed match max maximum memory min minimum missing more multiplication must name named
names near negation no non not null number numeric of on one only operand operands operation operator option or order
out overflow parameter parameters parse parser perform permission precision query range read real reference referenced
relation remainder required resolve resolved result row rows scalar scale select short single smallint source
specifier statement string struct subquery subtraction such syntax system table target text than that the there time
timestamp timestamp_ltz timestamp_ntz timestamptz tinyint to token too type types ubigint uinteger unable unexpected
unicode union unknown unresolved unsupported used using usmallint utinyint value values varchar view was when because width
window
with without zero
""",
    )
)

_TAIL = re.compile(r"\n\s*(?:LINE \d+:|== SQL|JVM stacktrace)|\s*Input: |[!.]?\s*Did you mean|\s*SQLSTATE: ")
_ADVICE = re.compile(r"[.!] (?=[A-Z])")  # what follows the first sentence
_WORD = re.compile(r"\w+|[^\w\s]")
_KEPT_MARKS = frozenset("()[],.:=<>+-*/")
_GAP = "…"
_MAX_LENGTH = 300


def redacted(message: str, identifiers: AbstractSet[str]) -> str:
    """Return an engine's message with every word dropped that might be a row's value.

    Args:
        message: the engine's own words; advice and the excerpt of the query behind them are dropped.
        identifiers: lower-case names that may stand in the message (columns, relations, functions of the query).
    """
    head = _TAIL.split(message, maxsplit=1)[0]
    head = re.sub(r"'.*'", f" {_GAP} ", head, flags=re.DOTALL)
    head = _ADVICE.split(head, maxsplit=1)[0]
    known = _TEMPLATE | identifiers
    head = re.sub(r'["`]+([^"`]*)["`]+', lambda quoted: quoted[1] if quoted[1].lower() in known else f" {_GAP} ", head)
    kept: list[str] = []
    for word in _WORD.findall(head):
        if word in _KEPT_MARKS or word.lower() in known:
            kept.append(word)
        elif not kept or kept[-1] != _GAP:
            kept.append(_GAP)
    text = re.sub(r" ([),.\]:])", r"\1", " ".join(kept))
    return re.sub(r"([(\[]) ", r"\1", text)[:_MAX_LENGTH].strip()


def identifiers_of(sql: str, columns: Iterable[str], dialect: str) -> frozenset[str]:
    """Return the lower-case names a message about this query may repeat: the query's own words and the known columns.

    Literals are none; a query that cannot be split into words gives the columns alone. ``dialect`` is sqlglot's name of it.
    """
    names = {name.lower() for name in columns}
    try:
        tokens = tokenize(sql, read=dialect)
    except SqlglotError:
        return frozenset(names)
    literals = (TokenType.STRING, TokenType.NUMBER, TokenType.NATIONAL_STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING)
    return frozenset(names | {token.text.lower() for token in tokens if token.token_type not in literals})
