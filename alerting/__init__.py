"""Alerts: what needs a person, how urgent it is and why, who is told, and what ends it."""
