"""Deciding about rows set aside, from the command line: discarding needs rows and a reason, and is final."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from controlplane.cli.running import quarantine_command
from controlplane.gate.model import KeptKind
from controlplane.kernel.errors import ConfigurationError
from tests.integration.shop import Feed, later, make_shop, open_shop

DATASET = "silver.customers"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = make_shop(tmp_path / "project")
    feed = Feed(folder)
    for number in (1, 2, 3):
        feed.customer("c", number, email="mistyped" if number > 1 else "someone@example.org")
    feed.flush()
    with open_shop(folder) as plane:
        plane.run("cdc_customers")
        plane.run("customers")
    return folder


def open_rows(shop: Path) -> list[str]:
    with open_shop(shop) as plane:
        return [aside.row.row_id for aside in plane.quarantined(DATASET)]


def test_a_discarded_row_is_gone_from_the_list_and_stays_to_be_shown(shop: Path) -> None:
    first, second = open_rows(shop)
    done = CliRunner().invoke(
        quarantine_command, ["discard", DATASET, first, "--reason", "a test account", "--project", str(shop)]
    )
    assert done.exit_code == 0, done.output
    assert "1 rows of silver.customers are discarded" in done.output
    assert open_rows(shop) == [second]
    shown = CliRunner().invoke(quarantine_command, ["show", first, "--project", str(shop)])
    assert "quarantined, discarded" in shown.output
    with open_shop(shop) as plane:
        (entry,) = plane.ports.audit_log.entries(DATASET)
        assert (entry.verb, entry.reason, entry.after) == ("quarantine.discard", "a test account", f"1 rows: {first}")


def test_a_discarded_row_never_enters_a_run_again(shop: Path) -> None:
    rows = open_rows(shop)
    with open_shop(shop, later(1)) as plane:
        assert plane.discard(DATASET, rows, "they were never customers") == 2
        assert plane.ports.kept_rows.count_open(plane.ports.platform.governed(DATASET).id)[KeptKind.QUARANTINED] == 0
        with pytest.raises(
            ConfigurationError, match=r"2 of 2 rows are not in quarantine of silver\.customers, so none was discarded"
        ):
            plane.discard(DATASET, rows, "again")
        assert plane.run("customers").state == "nothing_new"


def test_nothing_is_discarded_without_a_reason_or_a_row(shop: Path) -> None:
    rows = open_rows(shop)
    with open_shop(shop) as plane:
        with pytest.raises(ConfigurationError, match="needs a --reason"):
            plane.discard(DATASET, rows, "  ")
        with pytest.raises(ConfigurationError, match=r"no row of silver\.customers was named"):
            plane.discard(DATASET, [], "none")
        with pytest.raises(ConfigurationError, match="1 of 3 rows are not in quarantine"):
            plane.discard(DATASET, [*rows, "unknown"], "one too many")
    assert open_rows(shop) == rows
