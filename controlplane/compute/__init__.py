"""Adapters of the SQL runner port: engines that answer one SELECT over registered relations."""
