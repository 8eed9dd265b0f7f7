"""The demo: a fortnight of a grocery shop, replayed through the gate and held against what must come out."""
