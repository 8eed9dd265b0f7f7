"""What pages show: stored answers and contracts brought together; nothing is computed anew and no table is opened."""
