"""What computes the tables' expressions: one small interface, and DuckDB behind it."""
