"""Data quality checks: what must hold, engines that measure it, and the judging of what they find."""
