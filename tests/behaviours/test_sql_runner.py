"""What every SQL runner promises: DuckDB always, Spark with ``-m spark``."""

from __future__ import annotations

import gc
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from controlplane.compute.duckdb import DuckDbRunner
from controlplane.compute.spark import SparkRunner
from controlplane.kernel.errors import NotInstalledError, QueryFailedError, QueryTimedOutError
from controlplane.kernel.ports import SqlRunner, SqlSession

SECRET = "jane.roe@example.org"
SPARK = [
    pytest.mark.spark,
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),  # PySpark leaves its result sockets to the collector
]
SLOW_QUERY = "SELECT count(*) AS n FROM range(10000000000000)"


def _duckdb() -> Iterator[SqlRunner]:
    yield DuckDbRunner(threads=1, timeout=60)


def _spark() -> Iterator[SqlRunner]:
    runner = SparkRunner(master="local[1]", timeout=60)
    try:
        with runner.session():
            pass
    except NotInstalledError as error:
        pytest.skip(str(error))
    yield runner
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        runner.close()
        gc.collect()  # sockets of failed queries, which PySpark leaves to the collector


@pytest.fixture(scope="module", params=[pytest.param(_duckdb, id="duckdb"), pytest.param(_spark, id="spark", marks=SPARK)])
def runner(request: pytest.FixtureRequest) -> Iterator[SqlRunner]:
    yield from request.param()


@pytest.fixture
def session(runner: SqlRunner) -> Iterator[SqlSession]:
    with runner.session() as opened:
        yield opened


def people(*mails: str | None) -> pa.Table:
    return pa.table({"id": pa.array(range(len(mails)), pa.int64()), "email": pa.array(mails, pa.large_string())})


def test_a_relation_is_read_under_its_dotted_name(session: SqlSession) -> None:
    session.register("silver.people", people("a", "b"))
    session.register("plain", pa.table({"id": [1]}))
    found = session.query("SELECT p.email FROM silver.people AS p JOIN plain ON plain.id = p.id")
    assert found.to_pylist() == [{"email": "b"}]


def test_names_ignore_case(session: SqlSession) -> None:
    session.register("silver.people", people("a"))
    assert session.query("SELECT P.EMAIL AS e FROM Silver.People AS p").to_pylist() == [{"e": "a"}]


def test_registering_again_replaces(session: SqlSession) -> None:
    session.register("silver.people", people("old"))
    session.register("silver.people", pa.table({"other": [1, 2]}))
    assert session.query("SELECT other FROM silver.people ORDER BY other").to_pylist() == [{"other": 1}, {"other": 2}]


def test_a_reader_may_be_queried_again_and_again(session: SqlSession) -> None:
    session.register("silver.people", people("a", "b").to_reader())
    counts = [session.query("SELECT count(*) AS n FROM silver.people").to_pylist() for _ in range(2)]
    assert counts == [[{"n": 2}], [{"n": 2}]]
    assert session.query("SELECT count(*) AS n FROM silver.people AS a CROSS JOIN silver.people AS b").to_pylist() == [{"n": 4}]


def test_a_result_may_be_registered(session: SqlSession) -> None:
    session.register("silver.people", people("a", None))
    session.register("kept", session.query("SELECT * FROM silver.people WHERE email IS NOT NULL"))
    assert session.query("SELECT count(*) AS n FROM kept").to_pylist() == [{"n": 1}]


def test_an_empty_relation_keeps_its_columns(session: SqlSession) -> None:
    session.register("silver.people", people().slice(0, 0))
    found = session.query("SELECT id, email FROM silver.people")
    assert (found.num_rows, [str(kind) for kind in found.schema.types]) == (0, ["int64", "large_string"])


def test_types_go_in_and_come_out(session: SqlSession) -> None:
    schema = pa.schema([
        ("l", pa.int64()), ("i", pa.int32()), ("x", pa.float64()), ("b", pa.bool_()), ("s", pa.large_string()),
        ("d", pa.date32()), ("t", pa.timestamp("us", tz="UTC")), ("n", pa.timestamp("us")), ("m", pa.decimal128(12, 2)),
        ("raw", pa.large_binary()),
    ])  # fmt: skip
    row = {
        "l": 2**40, "i": -1, "x": 0.1, "b": True, "s": "ä\x00'\"\n😀", "d": date(1969, 12, 31),
        "t": datetime(2024, 3, 31, 1, 0, 0, 1, tzinfo=UTC), "m": Decimal("-0.01"), "raw": b"\x00\xff",
        "n": datetime(2024, 3, 31, 2, 30),  # noqa: DTZ001 - a local time
    }  # fmt: skip
    table = pa.Table.from_pylist([row, dict.fromkeys(row)], schema=schema)
    session.register("silver.all_types", table)
    found = session.query("SELECT * FROM silver.all_types")
    assert found.schema.equals(schema)
    assert found.sort_by([("l", "ascending")]).to_pylist() == [row, dict.fromkeys(row)]


def test_instants_are_in_utc_and_days_too(session: SqlSession) -> None:
    late = datetime(2024, 7, 1, 23, 30, tzinfo=UTC)
    session.register("e", pa.table({"t": pa.array([late], pa.timestamp("us", tz="Europe/Berlin"))}))
    assert session.query("SELECT CAST(t AS DATE) AS day, t FROM e").to_pylist() == [{"day": date(2024, 7, 1), "t": late}]


def test_parameters_stand_in_their_order(session: SqlSession) -> None:
    # more than four: Spark 4.1 mixes up positional ones from the fifth on
    values = ["it's", 2, None, Decimal("1.50"), 0.5, datetime(2024, 1, 1, tzinfo=UTC), date(2024, 1, 2), b"\x00\xff", True]
    marks = ", ".join(f"? AS p{at}" for at in range(len(values)))
    found = session.query(f"SELECT {marks}, '?' AS mark", values)
    assert list(found.to_pylist()[0].values()) == [*values, "?"]


@pytest.mark.parametrize("parameters", [[], [1, 2]])
def test_each_mark_needs_one_parameter(session: SqlSession, parameters: list[object]) -> None:
    with pytest.raises(QueryFailedError):
        session.query("SELECT ? AS a", parameters)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELECT 1; SELECT 2",
        "CREATE TABLE t AS SELECT 1",
        "DROP VIEW silver.people",
        "INSERT INTO silver.people VALUES (1, 'a')",
    ],
)
def test_only_one_select_is_run(session: SqlSession, sql: str) -> None:
    session.register("silver.people", people("a"))
    with pytest.raises(QueryFailedError):
        session.query(sql)
    assert session.query("SELECT count(*) AS n FROM silver.people").to_pylist() == [{"n": 1}]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT CAST(email AS int) AS n FROM silver.people",
        "SELECT CAST(email AS date) AS d FROM silver.people",
        "SELECT CAST(email AS decimal(4, 2)) AS d FROM silver.people",
        "SELECT CAST(email AS boolean) AS b FROM silver.people",
        "SELECT CAST(concat('x''', email, '''y \n LINE 1: ', email) AS timestamp) AS t FROM silver.people",
        f"SELECT CAST('{SECRET}' AS int) AS n",
        f"SELECT nothing FROM silver.people WHERE email = '{SECRET}'",
    ],
)
def test_messages_hold_no_values(session: SqlSession, sql: str, capfd: pytest.CaptureFixture[str]) -> None:
    session.register("silver.people", people(SECRET))
    with pytest.raises(QueryFailedError) as caught:
        session.query(sql)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    shown = str(caught.value) + "".join(capfd.readouterr())
    assert not [part for part in ("jane", "roe", "example") if part in shown]


def test_messages_name_the_kind_and_the_column(session: SqlSession) -> None:
    session.register("silver.people", people("a"))
    with pytest.raises(QueryFailedError, match="emial"):
        session.query("SELECT emial FROM silver.people")


def test_a_failed_query_leaves_the_session_usable(session: SqlSession) -> None:
    session.register("silver.people", people("a"))
    with pytest.raises(QueryFailedError):
        session.query("SELECT CAST(email AS int) AS n FROM silver.people")
    assert session.query("SELECT count(*) AS n FROM silver.people").num_rows == 1


def test_text_that_is_no_utf8_is_refused(session: SqlSession) -> None:
    offsets = pa.py_buffer(bytes([0, 0, 0, 0, 2, 0, 0, 0]))
    broken = pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(b"a\xff")])
    with pytest.raises(QueryFailedError, match=r"column email of silver\.people"):
        session.register("silver.people", pa.table({"email": broken}))


def test_sessions_do_not_see_each_other(runner: SqlRunner) -> None:
    with runner.session() as one, runner.session() as other:
        one.register("silver.people", people("a"))
        with pytest.raises(QueryFailedError):
            other.query("SELECT * FROM silver.people")


def test_a_closed_session_leaves_nothing(runner: SqlRunner) -> None:
    with runner.session() as one:
        one.register("plain", people("a"))
    with runner.session() as other, pytest.raises(QueryFailedError):
        other.query("SELECT * FROM plain")


def test_sessions_run_side_by_side(runner: SqlRunner) -> None:
    found: dict[int, object] = {}

    def ask(number: int) -> None:
        with runner.session() as session:
            session.register("t", pa.table({"n": [number]}))
            found[number] = session.query("SELECT n FROM t").to_pylist()[0]["n"]

    threads = [threading.Thread(target=ask, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {0: 0, 1: 1, 2: 2}


def test_a_query_that_takes_too_long_is_stopped(runner: SqlRunner) -> None:
    quick: SqlRunner = _with_timeout(runner, 0.05 if runner.dialect == "duckdb" else 5.0)
    with quick.session() as session:
        with pytest.raises(QueryTimedOutError, match="seconds"):
            session.query(SLOW_QUERY)
        assert session.query("SELECT 1 AS a").to_pylist() == [{"a": 1}]


def _with_timeout(runner: SqlRunner, seconds: float) -> SqlRunner:
    if isinstance(runner, SparkRunner):
        return SparkRunner(master=runner.master, timeout=seconds)
    return DuckDbRunner(threads=1, timeout=seconds)
