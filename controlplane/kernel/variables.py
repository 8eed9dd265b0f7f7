"""``${NAME}`` in a document: replaced from an environment where that is allowed, a problem everywhere else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from controlplane.kernel.problems import Steps, shown
from controlplane.kernel.reading import Issues

_VARIABLE = re.compile(r"\$\{(\w*)\}")


@dataclass(frozen=True)
class Allowed:
    """Where a document may hold variables.

    Attributes:
        here: whether a text at a path may hold them; only: whether it must, because a secret would stand there else.
        places: the allowed places in words, for messages.
    """

    here: Callable[[Steps], bool]
    only: Callable[[Steps], bool]
    places: str


def substituted(data: object, issues: Issues, environ: Mapping[str, str], allowed: Allowed, path: Steps = ()) -> object:
    """Return a document with every ``${NAME}`` replaced; what cannot be replaced is noted in ``issues``.

    Args:
        environ: where names are looked up.
        path: of ``data`` within the document.
    """
    if isinstance(data, dict):
        return {key: substituted(value, issues, environ, allowed, (*path, key)) for key, value in data.items()}
    if isinstance(data, list):
        return [substituted(item, issues, environ, allowed, (*path, number)) for number, item in enumerate(data)]
    if not isinstance(data, str) or "${" not in data:
        if isinstance(data, str) and allowed.only(path):
            issues.add(path, "a key must not stand in this file; write ${NAME} and set NAME in the environment")
        return data
    if not allowed.here(path):
        issues.add(path, f"${{NAME}} is read in {allowed.places} only; write the value out")
        return data
    for name in _VARIABLE.findall(data):
        if not environ.get(name):
            issues.add(path, f"the environment variable {shown(name)} is not set; set it before starting")
    if _VARIABLE.sub("", data).count("${"):
        issues.add(path, "'${' is not closed; write ${NAME}")
    return _VARIABLE.sub(lambda match: environ.get(match[1], ""), data)
