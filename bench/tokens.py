"""Which normalisations do Python, DuckDB and Spark compute to the same bytes? The experiment behind token format v1.

Every candidate is run over the same ugly strings in all three engines; the answers are compared byte for byte, and so are
the tokens made from them. Only a candidate that no string breaks may become a profile.

Run: ``JAVA_HOME=/path/to/java-17 python -m bench.tokens`` (add ``--no-spark`` where there is no Java). Prints Markdown.
"""

# ruff: noqa: RUF001 (look-alike letters are what this is about)

from __future__ import annotations

import hashlib
import hmac
import random
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

KEY = bytes(range(32))
PREFIX = b"experiment\x00"
IPAD = bytes(byte ^ 0x36 for byte in KEY.ljust(64, b"\x00")) + PREFIX
OPAD = bytes(byte ^ 0x5C for byte in KEY.ljust(64, b"\x00"))

UPPER, LOWER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
BLANKS = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)"

SEEDS = (
    "", " ", "\t", "\n", "\r\n", "\x0b\x0c", "\x00", "a\x00b", "\x00 a", "a \x00", "\xa0", "\xa0a\xa0",
    "\u2003a\u2003", "\u200ba\u200b", "\ufeffa", "\u2028a\u2029", "\x85a\x85", "\x1c a \x1f", "a", "A", " A ",
    "\tA\t", "A\tB", "  two  words  ", "UPPER lower MiXeD", "İstanbul", "ISPARTA ılık", "i\u0307", "I\u0307",
    "straße", "STRASSE", "ẞ", "ß", "ﬁnance", "ﬀ ﬃ", "Å", "Å", "A\u030a", "é", "e\u0301", "É", "ΌΣΟΣ", "όσος", "ς",
    "σ", "K", "K", "Ω", "Ω", "ſ", "ŉ", "ǆ", "ǅ", "Ǆ", "ὈΔΥΣΣΕΎΣ", "ᾳ", "Ა", "ა", "Ꭰ", "ꭰ", "𐐀", "𐐨", "Ⅷ", "ⅷ", "Ⓐ",
    "Ａ", "ａ", "😀", "👨\u200d👩\u200d👧", "🇩🇪", "❤️", "1️⃣", "\U0010ffff", "�", "\uffff", "\ue000", "שלום", "مرحبا",
    "\u202eabc\u202c", "a\u0301\u0302\u0303\u0304", "\u0301", "한국", "한", "日本語", "ｶﾞ", "が", "か\u3099", "नमस\u094dते",
    "ไทย", "Việt", "Vie\u0323\u0302t", "jane.doe@example.com", " Jane.Doe@EXAMPLE.com ", "JANE.DOE@EXAMPLE.COM\n",
    "jane+tag@example.com", '"quoted"@example.com', "İ@EXAMPLE.COM", "+49 170 1234567", "(0170) 123-4567",
    "0170/1234567", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳", "०१२३", "０１２３", "𝟘𝟙𝟚", "²³¹", "½", "①②", "---", "n/a", "0", "00", "1e5",
    "12\n34", "12\x0034", "a1b2c3", "１2３4", "O'Brien", '"', "\\", "\\x41", "\\u0041", "%_", "$1", "\\1", "?", "${x}",
    "NULL", '{"a": 1}', "<b>", "a,b;c", "\x7f", "\x01\x02\x1f", "\x1b[0m", "𝔄", "İı", "ĲSSEL", "ĳssel", "Œuvre", "Ĳ",
    "ŉ", "ǰ", "ΐ",
)  # fmt: skip


def ugly_strings() -> list[str]:
    """Return 300 distinct strings: every seed, seeds in ugly surroundings, random code points, and two long ones."""
    chance = random.Random(20171009)
    found = dict.fromkeys(SEEDS)
    found["é" * 1_048_576] = None
    found[" " * 1_000_000 + "Ab1" * 350_000 + "\t"] = None
    alphabet = "".join(SEEDS)
    while len(found) < 300:
        inner = "".join(chance.choice(alphabet) for _ in range(chance.randrange(1, 12)))
        point = chance.choice(
            [chance.randrange(0x20, 0x250), chance.randrange(0x250, 0xD800), chance.randrange(0xE000, 0x110000)]
        )
        found[chance.choice(["", " ", "\t ", "\x00"]) + inner + chr(point) + chance.choice(["", " ", "\u00a0", "\r\n"])] = None
    return list(found)


@dataclass(frozen=True)
class Candidate:
    """One normalisation, said three times.

    Attributes:
        sql: expression over ``v`` for DuckDB and Spark; a pair where the dialects need different texts.
    """

    name: str
    python: Callable[[str], str]
    duckdb: str
    spark: str


def _ascii_lower(text: str) -> str:
    return text.translate(str.maketrans(UPPER, LOWER))


CANDIDATES = (
    Candidate("none", lambda v: v, "v", "v"),
    Candidate("lower()", str.lower, "lower(v)", "lower(v)"),
    Candidate("trim()", str.strip, "trim(v)", "trim(v)"),
    Candidate("trim(' ')", lambda v: v.strip(" "), "trim(v, ' ')", "btrim(v, ' ')"),
    Candidate("trim(ASCII blanks)", lambda v: v.strip(" \t\n\v\f\r"), f"trim(v, {BLANKS})", f"btrim(v, {BLANKS})"),
    Candidate(
        "translate A-Z", _ascii_lower, f"translate(v, '{UPPER}', '{LOWER}')", f"translate(v, '{UPPER}', '{LOWER}')"
    ),
    Candidate(
        "ascii-lower-trim",
        lambda v: _ascii_lower(v).strip(" \t\n\v\f\r"),
        f"trim(translate(v, '{UPPER}', '{LOWER}'), {BLANKS})",
        f"btrim(translate(v, '{UPPER}', '{LOWER}'), {BLANKS})",
    ),
    Candidate(
        r"digits by \d",
        lambda v: re.sub(r"\D", "", v),
        r"regexp_replace(v, '\D', '', 'g')",
        r"regexp_replace(v, '\\D', '')",
    ),
    Candidate(
        "digits by [^0-9]",
        lambda v: re.sub("[^0-9]", "", v),
        "regexp_replace(v, '[^0-9]', '', 'g')",
        "regexp_replace(v, '[^0-9]', '')",
    ),
    Candidate("left 3", lambda v: v[:3], "left(v, 3)", "left(v, 3)"),
)  # fmt: skip


def python_answers(values: Sequence[str]) -> Mapping[str, list[tuple[bytes, str]]]:
    """Return (normalised bytes, HMAC) per candidate and value."""
    answers = {}
    for candidate in CANDIDATES:
        normal = [candidate.python(value).encode() for value in values]
        answers[candidate.name] = [(text, hmac.new(KEY, PREFIX + text, hashlib.sha256).hexdigest()) for text in normal]
    return answers


def duckdb_answers(values: Sequence[str]) -> Mapping[str, list[tuple[bytes, str]]]:
    """Return (normalised bytes, HMAC) per candidate and value, as DuckDB computes them."""
    connection = duckdb.connect()
    connection.register("ugly", pa.table({"i": list(range(len(values))), "v": pa.array(values, pa.large_string())}))
    answers = {}
    for candidate in CANDIDATES:
        text = f"encode({candidate.duckdb})"
        sql = f"SELECT {text}, sha256(? || unhex(sha256(? || {text}))) FROM ugly ORDER BY i"
        answers[candidate.name] = connection.execute(sql, [OPAD, IPAD]).fetchall()
    return answers


def spark_answers(values: Sequence[str]) -> Mapping[str, list[tuple[bytes, str]]]:
    """Return (normalised bytes, HMAC) per candidate and value, as Spark computes them."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 (heavy, and optional)

    spark: Any = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "1g")
        .getOrCreate()
    )
    rows = [(index, value.encode()) for index, value in enumerate(values)]
    spark.createDataFrame(rows, "i int, b binary").createOrReplaceTempView("raw")
    answers = {}
    for candidate in CANDIDATES:
        text = f"cast({candidate.spark} as binary)"
        sql = (
            f"SELECT {text}, sha2(concat(?, unhex(sha2(concat(?, {text}), 256))), 256) "
            "FROM (SELECT i, cast(b AS string) AS v FROM raw) ORDER BY i"
        )
        answers[candidate.name] = [(bytes(row[0]), row[1]) for row in spark.sql(sql, args=[OPAD, IPAD]).collect()]
    spark.stop()
    return answers


def outside_the_format() -> Iterator[str]:
    """Yield what each engine does with text that is not valid UTF-8: the reason why the format speaks of valid text only."""
    for label, raw in (
        ("0xFF", b"\xff"),
        ("CESU surrogate", b"\xed\xa0\x80"),
        ("overlong", b"\xc0\x80"),
        ("cut off", b"\xe2\x82"),
    ):
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            python = error.reason
        try:
            duckdb.connect().execute("SELECT decode(?)", [raw]).fetchall()
            engine = "accepted"
        except duckdb.Error as error:
            engine = type(error).__name__
        yield f"| {label} | refused: {python} | refused: {engine} |"
    try:
        "\ud800".encode()
    except UnicodeEncodeError as error:
        yield f"| lone surrogate in a Python str | refused: {error.reason} | cannot be handed over |"


def main(arguments: Sequence[str]) -> int:
    """Print the agreement of every candidate; return 1 when one of the three profiles disagrees anywhere."""
    values = ugly_strings()
    truth = python_answers(values)
    engines = {"DuckDB": duckdb_answers(values)}
    if "--no-spark" not in arguments:
        engines["Spark"] = spark_answers(values)
    print(f"{len(values)} strings, {sum(len(value.encode()) for value in values):,} bytes\n")
    print("| candidate | " + " | ".join(f"{name} differs from Python" for name in engines) + " | for example |")
    print("|---|" + "---|" * (len(engines) + 1))
    broken = 0
    for candidate in CANDIDATES:
        wrong = {
            name: [i for i, pair in enumerate(answers[candidate.name]) if tuple(pair) != truth[candidate.name][i]]
            for name, answers in engines.items()
        }
        examples = sorted({i for places in wrong.values() for i in places}, key=lambda i: len(values[i]))[:4]
        shown = ", ".join(ascii(values[i])[:24] for i in examples)
        print(f"| {candidate.name} | " + " | ".join(str(len(places)) for places in wrong.values()) + f" | {shown} |")
        broken += candidate.name in {"none", "ascii-lower-trim", "digits by [^0-9]"} and bool(examples)
    print("\n| not valid UTF-8 | Python | DuckDB |\n|---|---|---|")
    print("\n".join(outside_the_format()))
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
