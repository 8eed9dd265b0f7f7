"""Kept rows on pages: which columns fit, and how one value is written."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WIDE = 7
_LONGEST = 24
_INSTANT = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(\.\d+)?(\+00:00|Z)")


def telling(columns: Sequence[str], check_ids: Sequence[str], dataset: str) -> Sequence[str]:
    """Return the columns that help most within the width of a page: those the checks speak of, then the first ones."""
    named = [name for name in columns if any(check_id.startswith(f"{dataset}.{name}.") for check_id in check_ids)]
    others = [name for name in columns if name not in named]
    chosen = {*named, *others[: _WIDE - len(named)]}
    return [name for name in columns if name in chosen]


def cell(value: object) -> str:
    """Return a value as a cell shows it: times without zone sign (they are UTC), long texts and tokens cut in the middle."""
    text = str(value)
    moment = _INSTANT.fullmatch(text)
    if moment:
        return f"{moment[1]} {moment[2]}"
    return text if len(text) <= _LONGEST else f"{text[:12]}\N{HORIZONTAL ELLIPSIS}{text[-4:]}"
