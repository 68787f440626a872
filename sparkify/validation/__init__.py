"""Turns lines of bytes into typed rows or rejects, by one set of rules (docs/records.md) for all warehouses.

It runs inside DuckDB, so that two engines cannot disagree on what is rejected. Nothing here reads a file or knows the
ledger. `fields` lists the fields of a record, `rules` the reasons to reject it. A line is judged in one of two ways:

- The **quick way** parses a line with one cast and appends its row at once. It takes only lines for which a few
  comparisons prove that they break no rule; it never rejects.
- The **full way** checks every rule in turn. Only it rejects. It gets the lines that the quick way leaves. For a record
  that both can take, both make the same row.

The quick way needs **regular** lines: valid UTF-8, and objects with exactly the known keys. The cast fails for other
lines, which is slow, so if there are many, they are sorted out first.
"""
