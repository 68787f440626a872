"""`python -m sparkify` is the command `sparkify`."""

from sparkify.cli import main

main()
