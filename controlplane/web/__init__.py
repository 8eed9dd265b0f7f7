"""Pages: drawn on the server, complete without script, readable in a second."""
