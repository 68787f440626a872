"""Lines of bytes become typed rows or rejects, by one set of rules (docs/records.md)."""
