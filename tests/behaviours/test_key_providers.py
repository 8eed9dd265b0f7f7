"""What every key provider promises, run on each of them."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from controlplane.kernel.errors import ConfigurationError
from pii_policies.keys import key_provider
from pii_policies.keys.file import create_key_file
from pii_policies.model import MasterKey
from pii_policies.ports import KeyProvider

SECRET = bytes(range(200, 240))


@dataclass(frozen=True)
class Place:
    """A place that a provider reads from: how to put text there, and what an error must call it."""

    provider: KeyProvider
    write: Callable[[str], object]
    name: str


@pytest.fixture(params=["env", "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "env":
        environ: dict[str, str] = {}
        provider = key_provider({"from": "env", "name": "PLANE_KEY", "epoch": 5}, root=tmp_path, environ=environ)
        return Place(provider, lambda text: environ.update(PLANE_KEY=text), "PLANE_KEY")
    path = tmp_path / "secrets" / "plane.key"
    path.parent.mkdir()

    def write(text: str) -> None:
        path.write_text(text)
        path.chmod(0o600)

    provider = key_provider({"from": "file", "path": "secrets/plane.key", "epoch": 5}, root=tmp_path)
    return Place(provider, write, str(path))


@pytest.mark.parametrize(
    "text",
    [
        SECRET.hex(),
        SECRET.hex().upper(),
        base64.b64encode(SECRET).decode(),
        base64.urlsafe_b64encode(SECRET).decode(),
        f"\n  {SECRET.hex()}\n",
    ],
)
def test_hexadecimal_and_base64_are_read(place: Place, text: str) -> None:
    place.write(text)

    assert place.provider.master() == MasterKey(SECRET, 5)


def test_a_changed_key_is_seen_at_once(place: Place) -> None:
    place.write(SECRET.hex())
    first = place.provider.master()
    place.write(bytes(32).hex())

    assert place.provider.master() != first


def test_a_missing_key_says_where_it_was_looked_for_and_how_to_make_one(place: Place) -> None:
    with pytest.raises(ConfigurationError, match="no key") as caught:
        place.provider.master()

    assert place.name in str(caught.value)
    assert "python -c" in str(caught.value)


@pytest.mark.parametrize("text", [SECRET.hex()[:62], "hunter2-hunter2-hunter2-hunter2-hunter2!", "ÄÖÜ" * 20, "x" * 41])
def test_a_key_that_is_no_key_is_refused_without_quoting_it(place: Place, text: str) -> None:
    place.write(text)

    with pytest.raises(ConfigurationError, match="at least 32 random bytes") as caught:
        place.provider.master()

    assert place.name in str(caught.value)
    assert text not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_place_is_refused(place: Place, text: str) -> None:
    place.write(text)

    with pytest.raises(ConfigurationError, match=re.escape(place.name)):
        place.provider.master()


@pytest.mark.parametrize(
    "reference",
    [
        {},
        {"from": "vault"},
        {"from": ["env"]},
        {"from": "env"},
        {"from": "env", "name": 7},
        {"from": "env", "name": ""},
        {"from": "env", "name": "X", "epoch": 0},
        {"from": "env", "name": "X", "epoch": "1"},
        {"from": "env", "name": "X", "epoch": True},
        {"from": "env", "name": "X", "path": "y"},
        {"from": "file", "name": "X"},
        {"from": "file", "path": "x", "mode": "0600"},
    ],
)
def test_a_reference_that_cannot_be_meant_is_refused(reference: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="from: "):
        key_provider(reference, root=tmp_path)


def test_the_epoch_is_1_where_none_is_named(tmp_path: Path) -> None:
    provider = key_provider({"from": "env", "name": "K"}, root=tmp_path, environ={"K": SECRET.hex()})

    assert provider.master().epoch == 1


def test_the_environment_is_the_process_s_own_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANE_KEY_OF_THIS_TEST", SECRET.hex())

    assert key_provider({"from": "env", "name": "PLANE_KEY_OF_THIS_TEST"}, root=tmp_path).master().secret == SECRET


@pytest.mark.skipif(os.name != "posix", reason="file modes mean nothing here; run on Linux or macOS")
@pytest.mark.parametrize(("mode", "refused"), [(0o400, False), (0o640, False), (0o604, True), (0o666, True), (0o602, True)])
def test_a_file_open_to_everybody_is_refused(tmp_path: Path, mode: int, *, refused: bool) -> None:
    path = tmp_path / "plane.key"
    create_key_file(path)
    path.chmod(mode)
    provider = key_provider({"from": "file", "path": str(path)}, root=Path("/elsewhere"))

    if refused:
        with pytest.raises(ConfigurationError, match="chmod 600"):
            provider.master()
    else:
        assert len(provider.master().secret) == 32


def test_a_new_key_file_is_its_owner_s_alone_and_never_replaces_one(tmp_path: Path) -> None:
    path, other = tmp_path / "new" / "a.key", tmp_path / "new" / "b.key"
    create_key_file(path)
    create_key_file(other)
    written = path.read_text()

    assert path.stat().st_mode & 0o777 == 0o600
    assert written != other.read_text()
    with pytest.raises(ConfigurationError, match="not overwritten"):
        create_key_file(path)
    assert path.read_text() == written


def test_a_key_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match="cannot be written"):
        create_key_file(tmp_path / "file" / "a.key")


def test_a_key_file_of_bytes_that_are_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "raw.key"
    path.write_bytes(b"\xff" * 32)
    path.chmod(0o600)

    with pytest.raises(ConfigurationError, match="neither hexadecimal nor base64"):
        key_provider({"from": "file", "path": "raw.key"}, root=tmp_path).master()
