"""Everything a governed run imports, for processes that are forked to be killed."""

from __future__ import annotations

import checks.engines.native
import controlplane.bootstrap
import controlplane.compute.duckdb
import controlplane.lakehouse.housekeeping
import controlplane.lakehouse.landing
import controlplane.lakehouse.writing
import controlplane.persistence.store
import lineage.transports
import tests.integration.test_kills

__all__ = ["checks", "controlplane", "lineage", "tests"]
