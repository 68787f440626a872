"""The tables of the warehouse, how the star is kept up to date with staging, and its checks."""
