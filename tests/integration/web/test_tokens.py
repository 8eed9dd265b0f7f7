"""Tokens from the command line: shown once, known by an id, revoked at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from controlplane.cli import main
from controlplane.web.app import create_app
from tests.integration.shop import make_shop, open_shop


def test_a_token_is_made_listed_used_and_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = ["--project", str(make_shop(tmp_path / "shop"))]
    assert main(["token", "list", *project]) == 0
    assert "token new" in capsys.readouterr().out
    assert main(["token", "new", "--name", "nightly export", "--for", "P7D", *project]) == 0
    secret = capsys.readouterr().out.strip()
    assert main(["token", "list", "--format", "json", *project]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["name"], listed["last_used"]) == ("nightly export", None)
    assert secret not in str(listed)
    with open_shop(tmp_path / "shop") as plane:
        client = TestClient(create_app(plane), base_url="http://127.0.0.1:8765")
        bearer = {"authorization": f"Bearer {secret}"}
        assert client.get("/api/v1/sla", headers=bearer).status_code == 200
        assert main(["token", "revoke", listed["id"], *project]) == 0
        assert client.get("/api/v1/sla", headers=bearer).status_code == 401
        audit = [entry.verb for entry in plane.ports.audit_log.entries()]
        assert audit == ["token.revoke", "token.new"]
        assert secret.encode() not in b"".join(
            path.read_bytes() for path in (tmp_path / "shop/state").rglob("*") if path.is_file()
        )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["new"], "--name"), (["new", "--name", "x", "--for", "soon"], "not a duration"), (["new", "--name", " "], "needs a name"), (["revoke", "abc"], "no living token")],
    ids=["no name", "no duration", "empty name", "unknown"],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_a_sentence(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", *arguments, "--project", str(make_shop(tmp_path / "shop"))]) == 2
    assert says in capsys.readouterr().err
