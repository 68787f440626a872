"""The data behind the page: the loads, the rejected records, the checks, and how fresh it is."""

import datetime as dt
import json
from dataclasses import dataclass

from sparkify.formats import count_of, describe_lag, format_number, format_share
from sparkify.questions.answers import Answers
from sparkify.report.marks import Record, bar
from sparkify.timezones import to_local

_BAD_LOADS = ("failed", "interrupted", "partial")


@dataclass(frozen=True)
class Fact:
    """A fact about the data; `bad` if something is wrong."""

    label: str
    value: str
    detail: str = ""
    bad: bool = False


def list_facts(answers: Answers) -> list[Fact]:
    health, load, newest = answers.of("health").records[0], answers.last_load, answers.newest_event
    broken = [one.check for one in answers.checks if not one.passed]
    facts = [Fact("Last load", "none yet", bad=True)]
    if load is not None:
        status = load["status"].replace("_", " ")
        at = _moment(load["finished_at"] or load["started_at"], answers.timezone)
        facts = [Fact("Last load", at, f"load {load['load_id']}, {status}", load["status"] in _BAD_LOADS)]
    if newest is not None:
        facts.append(Fact("Newest event", _moment(newest, answers.timezone), describe_lag(answers.lag_seconds)))
    return [
        *facts,
        Fact("Records rejected", format_share(health["rejected_share"]), "of all that were read, of every file"),
        Fact("Plays found in the catalogue", format_share(health["match_rate"]), "the others have names from the log"),
        Fact(
            "Checks",
            f"{len(answers.checks) - len(broken)} of {len(answers.checks)} passed",
            "of all of the warehouse",
            any(check.severity == "fail" for check in broken),
        ),
    ]


def list_broken(answers: Answers) -> list[dict[str, str]]:
    """The checks that did not pass, in their own sentences."""
    return [
        {"severity": one.check.severity, "why": one.check.why, "name": one.check.qualified_name,
         "rows": count_of(one.rows, "row")}
        for one in answers.checks
        if not one.passed
    ]  # fmt: skip


def list_loads(answers: Answers) -> list[Record]:
    """The last loads, the last first, with their figures as text."""
    most = max((load["read"] for load in answers.last_loads), default=0)
    return [_load(load, answers.timezone) | {"part": load["read"] / (most or 1)} for load in answers.last_loads]


def list_check_history(answers: Answers) -> list[Record]:
    """Each check that found rows among what one of the last loads brought, with these loads, the last first."""
    why = {one.check.qualified_name: one.check.why for one in answers.checks}
    found: dict[str, list[str]] = {}
    for load in answers.last_loads:
        for name, rows in (_read_checks(load) or {}).items():
            found.setdefault(name, []).append(f"load {load['load_id']}: {count_of(rows, 'row')}")
    return [{"why": why.get(name, name), "name": name, "loads": ", ".join(loads)} for name, loads in found.items()]


def _read_checks(load: Record) -> dict[str, int] | None:
    """The rows that each check of severity warn found in a load; None if the load has not recorded it."""
    checks: dict[str, int] | None = json.loads(load["detail"]).get("checks")
    return checks


def _tell_checks(load: Record) -> str:
    checks = _read_checks(load)
    return "–" if checks is None else "passed" if not checks else f"{count_of(len(checks), 'warning')}"


def _load(load: Record, timezone: str) -> Record:
    numbers = [load[name] for name in ("files", "read", "loaded", "rejected", "repaired")]
    return {
        "name": load["load_id"],
        "at": _moment(load["finished_at"] or load["started_at"], timezone),
        "status": load["status"].replace("_", " "),
        "numbers": [format_number(number) for number in numbers],
        "checks": _tell_checks(load),
    }


def list_reasons(answers: Answers) -> list[Record]:
    most = max((reason["records"] for reason in answers.reasons), default=1)
    return [
        bar(one["reason"], one["records"] / most, format_number(one["records"]), details=[one["dataset"]])
        for one in answers.reasons
    ]


def _moment(at: dt.datetime, timezone: str) -> str:
    """A moment in UTC by the clock of the page, with the name that the clock has at that time."""
    local = to_local(at, timezone)
    return f"{local.day} {local:%b %Y, %H:%M %Z}"
