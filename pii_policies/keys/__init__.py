"""Where master keys come from. ``key_provider`` turns a reference in the project file into a provider, importing it late."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import cast

from controlplane.kernel.errors import ConfigurationError
from pii_policies.ports import KeyProvider

_PROVIDERS = {"env": ("pii_policies.keys.env", {"name"}), "file": ("pii_policies.keys.file", {"path"})}
_SHARED = {"from", "epoch"}


def key_provider(reference: Mapping[str, object], *, root: Path, environ: Mapping[str, str] | None = None) -> KeyProvider:
    """Return the provider that a key reference names; nothing is read before its ``master()`` is called.

    Args:
        reference: ``{from: env, name: NAME, epoch: 1}`` or ``{from: file, path: secrets/seal.key, epoch: 1}``; epoch is 1 by
            default.
        root: the project's folder; relative paths start there.
        environ: environment to read; None is the process's own.

    Raises:
        ConfigurationError: the reference names no known source, or has a missing, unknown or ill-typed entry.
    """
    source = reference.get("from")
    if not isinstance(source, str) or source not in _PROVIDERS:
        message = f"a key is read from {source!r}, which is unknown; write from: {' or from: '.join(_PROVIDERS)}"
        raise ConfigurationError(message)
    module, own = _PROVIDERS[source]
    epoch = reference.get("epoch", 1)
    texts = {name: reference[name] for name in own & reference.keys()}
    known = own | _SHARED
    usable = isinstance(epoch, int) and not isinstance(epoch, bool) and epoch >= 1
    usable = usable and len(texts) == len(own) and all(isinstance(text, str) and text for text in texts.values())
    if not usable or reference.keys() - known:
        message = (
            f"the key reference with from: {source} has the entries {', '.join(sorted(reference))}; it needs "
            f"{', '.join(sorted(own))} as text and may have epoch, a whole number from 1 (1 if left out), and nothing else"
        )
        raise ConfigurationError(message)
    provide = cast("Callable[..., KeyProvider]", import_module(module).provider)
    return provide(texts, epoch=epoch, root=root, environ=environ)
