"""The command `sparkify`, also as `python -m sparkify`. Ctrl-C is heeded before all else is imported."""

from sparkify import interrupts


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the command; exits with its code."""
    interrupts.end_at_once()
    try:
        from sparkify.cli import main as run

        run(arguments)
    except KeyboardInterrupt:
        # It came when the command was over, and had not yet said so.
        interrupts.leave()
        raise


if __name__ == "__main__":
    main()
