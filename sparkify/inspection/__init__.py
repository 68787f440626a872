"""Read-only verbs about a warehouse and its sources."""
