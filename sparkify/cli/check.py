"""sparkify check."""

from dataclasses import asdict

import sparkify
from sparkify.cli.options import checked_address, command, common, dry_run, echo_json
from sparkify.console import print_check, print_check_counts, say, show_checks
from sparkify.errors import CheckError
from sparkify.formats import count_of
from sparkify.inspection.check import version_of
from sparkify.settings import Config
from sparkify.star.checks import list_checks


@command("sparkify check", "sparkify check --json")
@dry_run
@common()
def check(config: Config, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Run the data-quality checks. Exit 5 if one of severity fail finds rows."""
    address = checked_address(config)
    if dry_run:
        if not quiet:
            say(f"would run {count_of(len(list_checks()), 'check')}: {address}")
        return
    with show_checks(quiet or as_json) as on_statement:
        on_result = (lambda result: None) if quiet or as_json else print_check
        results = sparkify.check(config, on_statement=on_statement, on_result=on_result)
    version = version_of(config)
    failed = [result for result in results if not result.passed and result.check.severity == "fail"]
    if as_json:
        checks = [asdict(result) for result in results]
        echo_json({"status": "failed" if failed else "passed", "version": version._asdict(), "checks": checks})
    elif not quiet:
        print_check_counts(results)
        print(f"version: {version}")
    if failed:
        names = ", ".join(result.check.qualified_name for result in failed)
        raise CheckError(f"{count_of(len(failed), 'check')} failed: {names}")
