"""The verbs that look at a warehouse and its sources, and change nothing."""
