"""Contracts: what a producer promises about its datasets, read from and written to the Open Data Contract Standard."""
