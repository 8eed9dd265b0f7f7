"""Master keys from a file."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from controlplane.kernel.errors import ConfigurationError
from pii_policies.keys.text import secret_bytes
from pii_policies.model import MINIMUM_SECRET_BYTES, MasterKey


class FileKeyProvider:
    """Reads the key from a file each time it is asked.

    A file that everybody on the machine may read or write is refused, as ssh does: a key is then no secret. Its group may
    read it, because that is how container platforms mount secrets for a service that is not root.
    """

    def __init__(self, path: Path, *, epoch: int = 1) -> None:
        """Remember where to look.

        Args:
            path: the file.
            epoch: epoch of the key.
        """
        self._path, self._epoch = path, epoch

    def master(self) -> MasterKey:
        """Return the key.

        Raises:
            ConfigurationError: the file is missing, unreadable, open to everybody, or holds no key of at least 32 bytes.
        """
        try:
            with self._path.open(encoding="utf-8") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                text = file.read()
        except UnicodeDecodeError:
            text, mode = "\x00", 0
        except OSError as error:
            message = f"no key: {self._path} cannot be read ({error.strerror}); make one with {_how_to_make(self._path)}"
            raise ConfigurationError(message) from None
        if os.name == "posix" and mode & stat.S_IRWXO:
            message = f"the key file {self._path} is open to everybody (mode {mode:o}); close it with: chmod 600 {self._path}"
            raise ConfigurationError(message)
        return MasterKey(secret_bytes(text, f"the key file {self._path}"), self._epoch)


def create_key_file(path: Path) -> None:
    """Write a new random key of 32 bytes to a file that only its owner may read (mode 0600); missing folders are made.

    Raises:
        ConfigurationError: the file exists (a key that tokens were made with must never be lost) or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(str(path), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(MINIMUM_SECRET_BYTES) + "\n")
    except OSError as error:
        if error.filename == str(path) and isinstance(error, FileExistsError):
            message = f"the key file {path} exists and is not overwritten: what it made could not be made or read again"
        else:
            message = f"the key file {path} cannot be written ({error.strerror}); name a folder that you may write to"
        raise ConfigurationError(message) from None


def provider(texts: Mapping[str, str], *, epoch: int, root: Path, environ: Mapping[str, str] | None) -> FileKeyProvider:  # noqa: ARG001 (every source is built alike)
    """Return the provider of a reference ``{from: file, path: PATH}``; a relative path starts at ``root``."""
    return FileKeyProvider(root / Path(texts["path"]).expanduser(), epoch=epoch)


def _how_to_make(path: Path) -> str:
    return f"python -c \"from pathlib import Path; from pii_policies.keys.file import create_key_file as k; k(Path('{path}'))\""
