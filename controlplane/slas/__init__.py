"""Promises: what consumers may expect of datasets, and when nothing is judged."""
