"""One Spark for all of its tests, and the table of what was compared."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator

import pytest

from controlplane.compute.spark import SparkRunner
from controlplane.kernel.errors import NotInstalledError
from tests.spark.comparing import TABLE


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkRunner]:
    runner = SparkRunner(master="local[1]", timeout=120)
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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TABLE:
        terminalreporter.section("DuckDB and Spark")
        for name, verdict, rows, detail in TABLE:
            terminalreporter.write_line(f"{name:46} {verdict:18} {rows:7} rows  {detail[:160]}")
