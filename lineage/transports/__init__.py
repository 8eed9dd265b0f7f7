"""Ways to carry lineage events to whoever listens, by the word a project file uses for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from controlplane.kernel.errors import ConfigurationError
from lineage.ports import LineageTransport

_LONGEST = 60.0


def load_transport(settings: Mapping[str, object], *, root: Path) -> LineageTransport:
    """Return the transport that one entry of a project's ``lineage`` list asks for; nothing is opened yet.

    Args:
        settings: ``{to: file, path}`` or ``{to: http, url, endpoint?, api_key?, timeout?}``.
        root: the folder that a relative path starts from.

    Raises:
        ConfigurationError: an unknown ``to``, an unknown or missing key, or a value that cannot be used.
    """
    kind = settings.get("to")
    entry = _KINDS.get(kind) if isinstance(kind, str) else None
    if entry is None:
        message = f"lineage.to is {kind!r}; allowed are {', '.join(sorted(_KINDS))}."
        raise ConfigurationError(message)
    load, required, optional = entry
    unknown = sorted(set(settings) - {"to"} - required - optional)
    missing = sorted(required - {key for key, value in settings.items() if value not in {None, ""}})
    if unknown or missing:
        problem = f"does not know {', '.join(unknown)}" if unknown else f"needs {', '.join(missing)}"
        allowed = ", ".join(sorted(required | optional))
        message = f"lineage to {kind} {problem}; allowed are {allowed}."
        raise ConfigurationError(message)
    return load(settings, root)


def _file(settings: Mapping[str, object], root: Path) -> LineageTransport:
    from lineage.transports.file import FileTransport  # noqa: PLC0415 - only the transport in use is loaded

    path = _text(settings, "path").removeprefix("file://")
    return FileTransport(root / path)


def _http(settings: Mapping[str, object], _root: Path) -> LineageTransport:
    from lineage.transports.http import HttpTransport  # noqa: PLC0415 - only the transport in use is loaded

    timeout = settings.get("timeout", 5.0)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= _LONGEST:
        message = f"lineage.timeout is {timeout!r}; allowed are seconds above 0 up to {_LONGEST:g}."
        raise ConfigurationError(message)
    endpoint = _text(settings, "endpoint") if "endpoint" in settings else "api/v1/lineage"
    api_key = _text(settings, "api_key") if settings.get("api_key") is not None else None
    return HttpTransport(_text(settings, "url"), endpoint=endpoint, api_key=api_key, timeout=float(timeout))


def _text(settings: Mapping[str, object], key: str) -> str:
    value = settings[key]
    if not isinstance(value, str):
        message = f"lineage.{key} must be text, not {type(value).__name__}."
        raise ConfigurationError(message)
    return value


_Loader = Callable[[Mapping[str, object], Path], LineageTransport]
_KINDS: Mapping[str, tuple[_Loader, frozenset[str], frozenset[str]]] = {
    "file": (_file, frozenset({"path"}), frozenset()),
    "http": (_http, frozenset({"url"}), frozenset({"endpoint", "api_key", "timeout"})),
}
