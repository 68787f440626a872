"""The suite of this folder on a real Redshift, of the settings that a user has: `make test-redshift`.

Nothing runs without SPARKIFY_REDSHIFT=yes. The arguments are those of pytest.
"""

import os
import sys
from pathlib import Path

import pytest

from sparkify.errors import SparkifyError
from sparkify.settings import Config, load_config
from tests.engines.cluster import FIRST, PLUGIN, Cluster

_FOLDER = Path(__file__).parent
# The statements were counted with the stand-in in place of a cluster.
_COST = """\
The tests of tests/engines, on the Redshift of your settings: {address}
  work    130 tests with 66,000 statements, one after the other: two to four hours, if each takes 0.1 to 0.2 seconds
  billed  Serverless: all that time, at the base capacity of the workgroup (4 RPU: about 1.50 USD an hour). Provisioned:
          nothing but the nodes. S3: a few thousand requests
  rights  to create schemas in the database, and to write, read and delete below {stage}; the role writes there too
  left    nothing: schemas sparkify_test_… and objects are removed at the end, also after a failure or Ctrl-C\
"""


class Run:
    """The plugin: it chooses the tests, runs the first statements before all others, and cleans up."""

    __name__ = PLUGIN

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._failed_first = False

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if _is_first(item) or _is_of_redshift(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = sorted(chosen, key=lambda item: not _is_first(item))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed_first |= report.failed and FIRST in report.nodeid

    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        if self._failed_first and nextitem is not None and not _is_first(nextitem):
            item.session.shouldstop = "the first statements failed, so the rest would only cost"

    def pytest_sessionfinish(self) -> None:
        os.environ.update(self.cluster.variables)
        try:
            self.cluster.clear()
        except SparkifyError as error:
            names = ", ".join(self.cluster.schemas)
            print(f"\nnot all could be removed: {error}. Drop these schemas yourself: {names or 'none'}")


def _is_first(item: pytest.Item) -> bool:
    return item.path.name == FIRST


def _is_of_redshift(item: pytest.Item) -> bool:
    """Whether a test is one of those that run on each engine. The others need what only the stand-in can do."""
    call = getattr(item, "callspec", None)
    return call is not None and call.params.get("make_warehouse") == "redshift"


def list_missing(config: Config) -> list[str]:
    """What has to be set before anything can run, each with how."""
    has_login = config.iam or config.db_secret_arn is not None or config.db_password is not None
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    wanted = {
        "the address of a Redshift: SPARKIFY_WAREHOUSE=redshift://user@host:5439/database": config.warehouse_address
        .startswith("redshift:"),
        "a login: SPARKIFY_DB_PASSWORD, SPARKIFY_DB_SECRET_ARN or SPARKIFY_IAM=true": has_login,
        "a folder of S3: SPARKIFY_STAGE=s3://bucket/folder": config.stage,
        "its region: AWS_REGION": region,
        "your word that it may cost something: SPARKIFY_REDSHIFT=yes": os.environ.get("SPARKIFY_REDSHIFT") == "yes",
    }  # fmt: skip
    return [what for what, is_set in wanted.items() if not is_set]


def main(arguments: list[str]) -> int:
    """The exit code: pytest's, or 2 where nothing ran."""
    try:
        config = load_config()
    except SparkifyError as error:
        print(f"nothing ran: {error}", file=sys.stderr)
        return 2
    missing = list_missing(config)
    address = config.warehouse_address if config.warehouse_address.startswith("redshift:") else "none is set"
    print(_COST.format(address=address, stage=config.stage or "the stage"), flush=True)
    if missing:
        print("nothing ran. Missing:", *missing, sep="\n  ", file=sys.stderr)
        return 2
    names_files = any(Path(argument.partition("::")[0]).exists() for argument in arguments)
    chosen = arguments if names_files else [str(_FOLDER), *arguments]
    return int(pytest.main(["-p", "no:cacheprovider", "-p", "no:xdist", *chosen], plugins=[Run(Cluster.of(config))]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
