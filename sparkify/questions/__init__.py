"""The prepared questions, the cut that selects their events, and their answers."""
