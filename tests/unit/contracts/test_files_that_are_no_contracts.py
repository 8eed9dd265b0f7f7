"""What is no contract at all is one clear sentence too, never a stack trace."""

from __future__ import annotations

import pytest

from controlplane.contracts.errors import ContractInvalidError
from controlplane.contracts.loading import load_contract
from tests.unit.contracts.kit import SHIPMENTS, changed, only_problem


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("\n", 1, ("the file is empty", "apiVersion, kind, id")),
        ("# nothing yet\n", 1, ("the file is empty",)),
        ("- a\n- b\n", 1, ("the file holds a list at its top",)),
        ("just words\n", 1, ("the file holds the text 'just words' at its top",)),
        ("42\n", 1, ("the file holds the number 42",)),
        ("a: 1\n\tb: 2\n", 2, ("a tab stands where spaces are needed",)),
        ("a:\n\t- x\n", 2, ("a tab stands where spaces are needed",)),
        ("a: [1, 2\n", 2, ("not closed with ']'",)),
        ("a: {b: 1\n", 2, ("not closed with '}'",)),
        ("a: 'x\nb: 2\n", 1, ("a quoted text is not closed",)),
        ("a: b: c\n", 1, ("a second ': ' stands in one value",)),
        ("a: 1\nfoo\n", 3, ("neither 'key: value' nor '- item'",)),
        ("a: @x\n", 1, ("put it in quotes",)),
        ('a: "\\q"\n', 1, ("unknown escape",)),
        ("a: &x 1\n", 1, ("the anchor &x is not read",)),
        ("a: 1\nb: *x\n", 2, ("the alias *x is not read",)),
        ("a: !!python/object:os.system x\n", 1, ("the tag", "is not read")),
        ("a: 1\nb: 2\na: 3\n", 3, ("'a' stands twice (first in line 1)",)),
        ("? [a]\n: 1\n", 1, ("a key must be text",)),
        ("a: 1\n---\nb: 1\n", 2, ("a second document",)),
        ("a: \x07\n", 1, ("U+0007",)),
        ("a: .nan\n", 1, ("no number that can be stored",)),
        ("a: 1e999\n", 1, ("no number that can be stored",)),
        (f"a: {'9' * 5000}\n", 1, ("no number that can be stored",)),
        (f"{'[' * 5000}\n", 1, ("nested deeper than 40 levels",)),
        ("a: \ud800\n", 1, ("not UTF-8",)),
        ("a\0b\n", 1, ("zero bytes",)),
    ],
)
def test_one_sentence_for(text: str, line: int, words: tuple[str, ...]) -> None:
    with pytest.raises(ContractInvalidError) as caught:
        load_contract(text)
    problem = caught.value.problems[0]
    assert (problem.file, problem.line) == ("<text>", line)
    for word in words:
        assert word in f"{problem.path}: {problem.message}"
    assert len(caught.value.problems) == 1


def test_a_key_that_stands_twice_is_found_wherever_it_is() -> None:
    only_problem(changed("    name: state\n", "    name: state\n    name: status\n"), "name: status", "'name' stands twice")


def test_aliases_cannot_explode() -> None:
    layers = "".join(f"l{number}: &l{number} [{', '.join([f'*l{number - 1}'] * 9)}]\n" for number in range(1, 30))
    with pytest.raises(ContractInvalidError, match="is not read"):
        load_contract(f"l0: &l0 [x]\n{layers}")


def test_a_file_that_is_too_large_is_not_read() -> None:
    with pytest.raises(ContractInvalidError, match="at most 5000000 are read"):
        load_contract(SHIPMENTS + "#" * 5_000_000)
