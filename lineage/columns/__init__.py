"""Column lineage from the SQL that really ran. Pure: text and schemas in, edges out."""

from __future__ import annotations

from lineage.columns.reading import column_lineage, to_report

__all__ = ["column_lineage", "to_report"]
