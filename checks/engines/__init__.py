"""Engines that measure checks."""
