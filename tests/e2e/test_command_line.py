"""The command line as a stranger uses it: one project, every command, exit codes, documents that keep to their schemas."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from controlplane.cli import main
from tests.e2e.command import run_command


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project made by ``init`` and run once."""
    parent = tmp_path_factory.mktemp("stranger")
    made = run_command("init", "shop", folder=parent)
    assert made.code == 0, made.errors
    ran = run_command("run", folder=parent / "shop")
    assert ran.code == 0, ran.output + ran.errors
    return parent / "shop"


@pytest.fixture
def here(shop: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(shop)
    return shop


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run a command in this process (``main(argv) -> int``) and return code, output, errors."""
    capsys.readouterr()
    code = main(arguments)
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return code, said.out, said.err


def valid(document: object, schema: str) -> None:
    text = (files("controlplane") / "schemas" / schema).read_text(encoding="utf-8")
    jsonschema.validate(document, json.loads(text))


@pytest.mark.usefixtures("here")
class TestReading:
    def test_check_prints_the_documented_document(self, capsys: pytest.CaptureFixture[str]) -> None:
        code, out, _ = told(capsys, "check", "silver.orders", "--format", "json")
        document = json.loads(out)
        valid(document, "check_report.schema.json")
        assert code == 0
        assert (document["dataset"], document["outcome"], document["rows"]) == ("silver.orders", "passed", 2)
        screened = [check for check in document["checks"] if check["evidence"] == "screening"]
        assert "silver.orders.email.maxLength" in {check["id"] for check in screened}, (
            "what masking hides is told from screening"
        )

    def test_runs_show_prints_the_documented_document(self, capsys: pytest.CaptureFixture[str]) -> None:
        _, out, _ = told(capsys, "runs", "list", "--format", "json")
        runs = json.loads(out)
        assert [run["dataset"] for run in runs] == ["gold.daily_orders", "silver.orders", "bronze.order_events"]
        code, out, _ = told(capsys, "runs", "show", runs[1]["run_id"], "--format", "json")
        document = json.loads(out)
        valid(document, "run_report.schema.json")
        assert code == 0
        balance = document["balance"]
        assert (
            balance["offered"] == balance["passed"] + balance["superseded"] + balance["quarantined"] + balance["waiting"] == 7
        )

    def test_quarantine_list_and_show_tell_why_without_the_clear_value(self, capsys: pytest.CaptureFixture[str]) -> None:
        _, out, _ = told(capsys, "quarantine", "list", "silver.orders", "--format", "json")
        (row,) = json.loads(out)
        assert row["reasons"] == ["silver.orders.amount.amount_range"]
        code, out, _ = told(capsys, "quarantine", "show", row["row_id"])
        assert code == 0
        assert "amount: -5.00" in out
        assert "di@example.org" not in out

    def test_lineage_show_names_neighbours_and_masking(self, capsys: pytest.CaptureFixture[str]) -> None:
        _, out, _ = told(capsys, "lineage", "show", "silver.orders", "--format", "json")
        document = json.loads(out)
        assert document["downstream"] == ["gold.daily_orders"]
        email = [edge for edge in document["edges"] if edge["to"] == "silver.orders.email"]
        assert [edge["masking"] for edge in email] == [True]

    def test_doctor_finds_nothing_wrong(self, capsys: pytest.CaptureFixture[str]) -> None:
        code, out, _ = told(capsys, "doctor", "--format", "json")
        assert code == 0
        assert "problem" not in {finding["state"] for finding in json.loads(out)}

    def test_doctor_names_a_shadowed_package(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (here / "checks").mkdir()
        try:
            code, out, _ = told(capsys, "doctor")
        finally:
            (here / "checks").rmdir()
        assert code == 2
        assert "hides the installed package" in out

    def test_pii_prove_finds_no_clear_value_and_finds_a_planted_one(
        self, here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (here / "canaries.txt").write_text("ada@example.org\ncy@example.org\n", encoding="utf-8")
        code, out, _ = told(capsys, "pii", "prove", "--canaries", "canaries.txt")
        assert (code, out.splitlines()[-1].endswith("0 clear values found")) == (0, True), out
        leak = here / "state/warehouse/silver/orders/note.txt"
        leak.write_text("call CY@EXAMPLE.ORG", encoding="utf-8")
        try:
            code, out, _ = told(capsys, "pii", "prove", "--canaries", "canaries.txt", "--format", "json")
        finally:
            leak.unlink()
        assert code == 1
        assert {finding["canary"] for finding in json.loads(out)["findings"]} == {2}

    @pytest.mark.parametrize("form", ["junit", "github", "markdown"])
    def test_reports_for_machines(self, capsys: pytest.CaptureFixture[str], form: str) -> None:
        code, out, _ = told(capsys, "check", "silver.orders", "--format", form)
        assert code == 0
        if form == "junit":
            assert ET.fromstring(out).get("failures") == "0"
        assert "silver.orders" in out or "all checks passed" in out


@pytest.mark.usefixtures("here")
class TestWrongUse:
    @pytest.mark.parametrize(("arguments", "words"), [
        (["check", "silver.nothing"], "silver.nothing"), (["run", "nothing"], "neither a pipeline"), (["nonsense"], "No such command"),
        (["check"], "--data"), (["check", "--data", "x.parquet"], "--contract"), (["runs", "show", "7"], "not a run id"),
        (["runs", "show", "00000000-0000-0000-0000-000000000000"], "no run"), (["quarantine", "show", "ff"], "no kept row"),
        (["hold", "release", "00000000-0000-0000-0000-000000000000", "--reason", "x"], "nothing to release"),
        (["check", "silver.orders", "--engine", "soda"], "not part of this version"), (["lint", "nothing.yaml"], "nothing.yaml"),
        (["lineage", "columns", "--sql", "none.sql"], "none.sql"), (["check", "silver.orders", "--snapshot", "x"], "--snapshot"),
        (["--project", "x"], "No such option"), (["quarantine", "retry", "silver.orders", "zz"], "not in quarantine"),
    ])  # fmt: skip
    def test_ends_with_two_and_a_sentence(self, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
        code, out, err = told(capsys, *arguments)
        assert code == 2
        assert words in out + err

    def test_an_expired_snapshot_could_not_be_evaluated(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert told(capsys, "check", "silver.orders", "--snapshot", "12345")[0] == 3


def test_no_project_is_a_sentence(tmp_path: Path) -> None:
    ran = run_command("runs", "list", folder=tmp_path)
    assert ran.code == 2
    assert "controlplane init" in ran.errors


def test_init_refuses_a_folder_with_files_and_our_own_names(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    assert run_command("init", "full", folder=tmp_path).code == 2
    assert run_command("init", "lineage", folder=tmp_path).code == 2


CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: payments
version: 1.0.0
status: active
schema:
- name: payments
  properties:
  - {name: payment_id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}
  - name: amount
    logicalType: number
    physicalType: decimal(12,2)
    quality:
    - {id: positive, metric: invalidValues, arguments: {minimum: 0}, mustBe: 0, severity: SEVERITY}
  - {name: paid_at, logicalType: timestamp}
"""


def payments(folder: Path, severity: str = "error") -> Path:
    (folder / "payments.odcs.yaml").write_text(CONTRACT.replace("SEVERITY", severity), encoding="utf-8")
    times = pa.array(["2017-10-09T08:00:00Z", "2017-10-09T09:00:00+02:00", None])
    table = pa.table({"payment_id": [1, 2, 3], "amount": pa.array(["1.50", "-2.00", "3"]), "paid_at": times})
    pq.write_table(table, folder / "payments.parquet")
    return folder


class TestFilesWithoutAProject:
    @pytest.mark.parametrize(("severity", "bar", "code"), [
        ("error", "error", 1), ("warning", "error", 0), ("warning", "warning", 1), ("error", "critical", 0),
    ])  # fmt: skip
    def test_fail_on_moves_the_bar(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], severity: str, bar: str, code: int
    ) -> None:
        folder = payments(tmp_path, severity)
        data, contract = str(folder / "payments.parquet"), str(folder / "payments.odcs.yaml")
        found, out, _ = told(capsys, "check", "--data", data, "--contract", contract, "--format", "json", "--fail-on", bar)
        document = json.loads(out)
        valid(document, "check_report.schema.json")
        assert found == code
        (check,) = [check for check in document["checks"] if check["id"] == "payments.amount.positive"]
        assert check["measured"] == {"value": 1, "unit": "rows", "rows_total": 3, "rows_failed": 1}
        assert check["reason"] == "1 of 3 rows has amount < 0; 0 allowed"
        assert document["snapshot_id"] is None

    def test_csv_is_read_as_the_contract_says(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder = payments(tmp_path)
        (folder / "p.csv").write_text(
            "payment_id,amount,paid_at\n1,2.50,2017-10-09T08:00:00Z\n2,x,\n2,1.005,\n", encoding="utf-8"
        )
        code, out, _ = told(
            capsys,
            "check",
            "--data",
            str(folder / "p.csv"),
            "--contract",
            str(folder / "payments.odcs.yaml"),
            "--format",
            "json",
        )
        failed = {
            check["id"]: check["measured"]["rows_failed"] for check in json.loads(out)["checks"] if check["outcome"] == "failed"
        }
        assert code == 1
        assert failed == {"payments.amount.type": 2, "payments.primary_key": 1}

    def test_an_iceberg_table_is_read_by_its_folder_and_by_snapshot(
        self, shop: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        table, contract = str(shop / "state/warehouse/silver/orders"), str(shop / "contracts/orders.odcs.yaml")
        code, out, _ = told(capsys, "check", "--data", table, "--contract", contract, "--format", "json")
        document = json.loads(out)
        assert (code, document["rows"]) == (0, 2)
        assert document["snapshot_id"] is not None
        snapshot = str(document["snapshot_id"])
        assert told(capsys, "check", "--data", table, "--contract", contract, "--snapshot", snapshot)[0] == 0
        assert told(capsys, "check", "--data", table, "--contract", contract, "--snapshot", "1")[0] == 3

    @pytest.mark.parametrize(("name", "content", "words"), [
        ("missing.parquet", None, "nothing at"), ("broken.parquet", b"PAR1 not really", "cannot be read"), ("x.docx", b"x", "none of"),
        ("empty.csv", b"", "cannot be read"),
    ])  # fmt: skip
    def test_what_cannot_be_read_is_a_sentence(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | None, words: str
    ) -> None:
        folder = payments(tmp_path)
        if content is not None:
            (folder / name).write_bytes(content)
        code, _, err = told(capsys, "check", "--data", str(folder / name), "--contract", str(folder / "payments.odcs.yaml"))
        assert code == 2
        assert words in err

    def test_an_empty_file_passes_nothing(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder = payments(tmp_path)
        pq.write_table(pq.read_table(folder / "payments.parquet").slice(0, 0), folder / "none.parquet")
        code, out, _ = told(
            capsys,
            "check",
            "--data",
            str(folder / "none.parquet"),
            "--contract",
            str(folder / "payments.odcs.yaml"),
            "--format",
            "json",
        )
        assert code == 3
        assert json.loads(out)["outcome"] == "no_evidence"


def test_lineage_columns_prints_the_documented_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "q.sql").write_text(
        "select a.x, sum(b.y) as total from s.a join s.b on a.id = b.id group by a.x", encoding="utf-8"
    )
    (tmp_path / "s.json").write_text('{"s.a": ["id", "x"], "s.b": ["id", "y"]}', encoding="utf-8")
    code, out, _ = told(capsys, "lineage", "columns", "--sql", str(tmp_path / "q.sql"), "--dialect", "duckdb",
                        "--schema", str(tmp_path / "s.json"), "--format", "json")  # fmt: skip
    document = json.loads(out)
    assert code == 0
    assert document["unresolved"] == []
    direct = [(edge["from"], edge["to"], edge["transformation"]) for edge in document["edges"] if edge["kind"] == "direct"]
    assert direct == [("s.a.x", "output.x", "identity"), ("s.b.y", "output.total", "aggregation")]
