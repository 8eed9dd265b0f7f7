"""The SQL of each kind of check, as text (pure): predicates over a row, aggregates, comparisons, stewards' own queries."""
