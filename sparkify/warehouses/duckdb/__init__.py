"""DuckDB, the embedded engine: one file, and one process that writes it."""
