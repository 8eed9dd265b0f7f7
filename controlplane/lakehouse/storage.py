"""File systems behind ``file://`` and ``s3://`` addresses, by the property names Iceberg's catalogs use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from pyarrow import NativeFile
from pyarrow.fs import FileSystem, LocalFileSystem, S3FileSystem

from controlplane.kernel.errors import ConfigurationError

_S3_TEXT = {
    "s3.endpoint": "endpoint_override",
    "s3.access-key-id": "access_key",
    "s3.secret-access-key": "secret_key",
    "s3.session-token": "session_token",
    "s3.region": "region",
    "s3.role-arn": "role_arn",
    "s3.role-session-name": "session_name",
    "s3.proxy-uri": "proxy_options",
}
_S3_SECONDS = {"s3.connect-timeout": "connect_timeout", "s3.request-timeout": "request_timeout"}
_S3_FLAGS = {"s3.force-virtual-addressing": "force_virtual_addressing", "s3.anonymous": "anonymous"}


class FolderFileSystem(LocalFileSystem):  # type: ignore[misc]  # pyarrow has no types
    """The machine's disk, where writing a file makes the folders above it (as object stores behave)."""

    def open_output_stream(self, path: str, *args: Any, **kwargs: Any) -> NativeFile:
        """Open a file for writing, creating its folder when it is missing."""
        folder, _, _ = path.rpartition("/")
        if folder:
            self.create_dir(folder, recursive=True)
        return super().open_output_stream(path, *args, **kwargs)


def filesystem(uri: str, properties: Mapping[str, str]) -> tuple[FileSystem, str]:
    """Return the file system of a ``file://`` or ``s3://`` address and the path of the address inside it.

    Args:
        uri: absolute address of a folder, e.g. ``file:///srv/lake`` or ``s3://bucket/prefix``; ``%20`` and the like in
            ``file://`` addresses stand for the character they encode.
        properties: ``s3.endpoint``, ``s3.access-key-id``, ``s3.secret-access-key``, ``s3.session-token``, ``s3.region``,
            ``s3.connect-timeout`` and ``s3.request-timeout`` (seconds), ``s3.force-virtual-addressing``, ``s3.anonymous``,
            ``s3.role-arn``, ``s3.role-session-name``, ``s3.proxy-uri``; others are ignored. The names are those of
            Iceberg's S3 FileIO.

    Returns:
        The file system, and the path without a trailing slash: files are ``f"{path}/name"``.

    Raises:
        ConfigurationError: the address is of another kind or not absolute.
    """
    return located(plain_address(uri), properties)


def plain_address(uri: str) -> str:
    """Return an address the way Iceberg metadata writes it: the path of a ``file://`` one not percent-encoded, no last slash.

    Raises:
        ConfigurationError: the address is of another kind or not absolute.
    """
    scheme, _, rest = uri.partition("://")
    if scheme == "file":
        rest = unquote(rest.removeprefix("localhost"))
    if (scheme == "file" and rest.startswith("/")) or (scheme == "s3" and rest.strip("/") and not rest.startswith("/")):
        return f"{scheme}://{rest.rstrip('/')}"
    message = f"address {uri!r} cannot be used; allowed are file:///absolute/path and s3://bucket/prefix"
    raise ConfigurationError(message)


def located(address: str, properties: Mapping[str, str]) -> tuple[FileSystem, str]:
    """Return the file system and inner path of an address as :func:`plain_address` or Iceberg metadata writes it."""
    scheme, _, rest = address.partition("://")
    if scheme == "file":
        return FolderFileSystem(), rest or "/"
    # a small file is then one request instead of the three of a multipart upload
    return S3FileSystem(allow_delayed_open=True, **_s3_options(properties)), rest.rstrip("/")


def _s3_options(properties: Mapping[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = {keyword: properties[name] for name, keyword in _S3_TEXT.items() if name in properties}
    options |= {keyword: float(properties[name]) for name, keyword in _S3_SECONDS.items() if name in properties}
    options |= {keyword: properties[name].lower() == "true" for name, keyword in _S3_FLAGS.items() if name in properties}
    return options
