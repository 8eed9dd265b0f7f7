"""Adapters that read what was written, to find personal data in it."""
