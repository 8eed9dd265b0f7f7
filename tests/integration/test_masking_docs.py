"""What docs/tokens.md prints must be what the product computes."""

from __future__ import annotations

import re
from pathlib import Path

from pii_policies.tokens import vectors

PAGE = (Path(__file__).parents[2] / "docs" / "tokens.md").read_text("utf-8")


def test_every_token_on_the_page_is_a_published_vector() -> None:
    shown = re.findall(r"v1[.][a-z0-9_-]+[.]\d+[.][0-9a-f]{32}", PAGE)

    assert len(shown) > 20
    assert set(shown) <= {vector.token for vector in vectors()}


def test_the_page_names_the_vectors_key_and_number() -> None:
    assert {vector.key.secret.hex() for vector in vectors()} == set(re.findall(r"`([0-9a-f]{64})`", PAGE))
    assert f"All {len(vectors())} are package data" in PAGE
