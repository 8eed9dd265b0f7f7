"""The JSON API, and what machines ask about the plane itself."""
