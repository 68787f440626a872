"""The embedded engine: one DuckDB file, one process that writes it."""
