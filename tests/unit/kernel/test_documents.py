from __future__ import annotations

import pytest

from controlplane.kernel.documents import parse_document
from controlplane.kernel.problems import DocumentInvalidError, Problem, nearest, shown, unknown

TEXT = b"""\
name: shop   # what it is
list:
- {id: a, value: 1}
- plain
- deep:
    deeper: [x,
             y]
"""


def test_every_key_and_item_has_its_line() -> None:
    document = parse_document(TEXT, "shop.yaml")
    assert document.line(("name",)) == 1
    assert document.line(("list", 0, "value")) == 3
    assert document.line(("list", 1)) == 4
    assert document.line(("list", 2, "deep", "deeper", 1)) == 7


def test_what_does_not_exist_has_the_line_of_what_is_around_it() -> None:
    document = parse_document(TEXT, "shop.yaml")
    assert document.line(("list", 2, "deep", "missing", "more")) == 5
    assert document.line(("missing",)) == 1


def test_a_path_is_shown_with_names_instead_of_positions() -> None:
    document = parse_document(TEXT, "shop.yaml")
    assert document.shown(("list", 0, "value")) == "list[a].value"
    assert document.shown(("list", 1)) == "list[1]"
    assert document.shown(("list", 9, "x")) == "list[9].x"
    assert document.shown(()) == ""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-12", -12),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("10:30", "10:30"),
        ("1_000", "1_000"),
        ("=", "="),
        ("<<", "<<"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("v1", "v1"),
        ("1.0.0", "1.0.0"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    document = parse_document(f"key: {text}\n".encode(), "x.yaml")
    assert document.data == {"key": value}
    assert isinstance(document.data, dict)
    assert type(document.data["key"]) is type(value)


def test_keys_are_the_text_they_are_written_as() -> None:
    assert parse_document(b"1: a\ntrue: b\n'2': c\n", "x.yaml").data == {"1": "a", "true": "b", "2": "c"}


def test_all_refused_things_are_told() -> None:
    with pytest.raises(DocumentInvalidError) as caught:
        parse_document(b"a: &x 1\nb: !t 2\nc: 3\nc: 4\nd: .inf\n", "x.yaml")
    assert [problem.line for problem in caught.value.problems] == [1, 2, 4, 5]
    assert str(caught.value).count("\n") == 3
    assert caught.value.exit_code == 2


def test_a_problem_reads_as_compilers_write_it() -> None:
    assert str(Problem("a.yaml", 3, "x.y", "is wrong")) == "a.yaml:3: x.y: is wrong"
    assert str(Problem("a.yaml", 1, "", "is empty")) == "a.yaml:1: is empty"


def test_a_misspelt_word_is_guessed_whatever_its_case() -> None:
    allowed = ["keys", "orderBy", "partition"]
    assert nearest("OrderBy", allowed) == "orderBy"
    assert nearest("xyz", allowed) is None
    assert unknown("key", "ordreBy", allowed) == (
        "unknown key 'ordreBy': did you mean 'orderBy'? allowed are keys, orderBy, partition"
    )
    assert unknown("key", 7, allowed) == "unknown key 7; allowed are keys, orderBy, partition"


def test_a_long_value_is_shown_short() -> None:
    assert len(shown("x" * 500)) == 60
