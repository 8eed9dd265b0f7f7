"""Where data comes from and where it goes: column edges from SQL, run events, and their transports."""
