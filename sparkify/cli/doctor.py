"""sparkify doctor."""

from dataclasses import asdict

import sparkify
from sparkify.cli.options import command, common, echo_json
from sparkify.console import print_finding
from sparkify.errors import CheckError
from sparkify.settings import Config


@command("sparkify doctor --log-data s3://bucket/log_data")
@common("sources", "access", "stage")
def doctor(config: Config, as_json: bool, quiet: bool) -> None:
    """Examine settings, sources, stage and warehouse. Exit 5 if something is not in order."""
    findings = []
    for finding in sparkify.list_findings(config):
        findings.append(finding)
        if not (as_json or quiet):
            print_finding(finding)
    failed = [finding.name for finding in findings if not finding.passed]
    if as_json:
        echo_json({"status": "failed" if failed else "passed", "findings": [asdict(found) for found in findings]})
    if failed:
        raise CheckError(f"{len(failed)} of {len(findings)} are not in order: {', '.join(failed)}")
