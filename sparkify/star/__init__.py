"""The tables of the warehouse, how the star follows staging, and what must be true of it."""
