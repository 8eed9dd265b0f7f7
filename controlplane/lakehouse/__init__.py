"""Adapters to an Iceberg lakehouse: reading, writing, keeping tables; the landing zone. Only it imports pyiceberg."""
