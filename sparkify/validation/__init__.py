"""Lines of bytes become typed rows or rejects, by one set of rules (docs/records.md), whatever the warehouse.

It runs inside DuckDB, so that two engines cannot disagree about what a record is. Nothing here reads a file or knows a
ledger. `fields` lists what a record has and `rules` what is wrong with it; a line then goes one of two ways:

- The **quick way** takes a line apart with one cast and appends its row at once. It takes only a line of which a few
  comparisons say that it breaks no rule; it never rejects one.
- The **full way** puts a line through every rule in turn. It alone decides about rejects. It gets what the quick way
  leaves, and gives a record that both could take the same row.

The quick way needs **regular** lines: in UTF-8, and objects of exactly the known keys. The cast fails for any other
line, which takes time, so where there are many they are set aside before it.
"""
