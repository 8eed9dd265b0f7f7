"""Adapters to an Iceberg lakehouse: reading, writing and keeping tables, and the landing zone. The only importer of pyiceberg."""
