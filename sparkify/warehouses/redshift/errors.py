"""Turns the errors of Redshift and its driver into ours: by SQLSTATE, and COPY's by their message."""

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sparkify.errors import ConflictError, EngineError, LostSessionError, SchemaError

_SENTENCES = {
    "28000": "the login was refused; check the user, and SPARKIFY_DB_PASSWORD or the secret",
    "28P01": "the login was refused; check the user, and SPARKIFY_DB_PASSWORD or the secret",
    "3D000": "there is no such database; check DB_NAME",
    "3F000": "there is no such schema; create the one that DB_SCHEMA or the user's search path names",
    "42501": "the database user lacks a right; who loads owns the tables, and needs USAGE and CREATE on the "
    "schema and TEMPORARY on the database",
    "53300": "it has no free connection; try later",
    "57014": "the statement was cancelled, by a timeout or an administrator",
    "57P01": "an administrator ended the session; try again",
    "57P03": "it is starting or stopping; try later",
}
# A session that has ended, or that cannot begin yet.
_LOST = ("53300", "57P01", "57P03")
# There is no such table or column, no such cast or operator, or a value that the cast cannot take.
_OF_SCHEMA = ("42P01", "42703", "42846", "42883", "42804", "22P02", "22003")
# Redshift reports these under the general SQLSTATE XX000, with the number as the message.
_CONFLICTS = ("1018", "1023")
# And these otherwise: two sessions that create the same table at once conflict in the system catalogue.
_CONFLICT = re.compile(r"\A40001|conflict with concurrent transaction|\A23505.*pg_type_typname_nsp_index")
# Messages of COPY that do not say what is missing.
_OF_COPY = (
    (
        # Redshift's message for a manifest that it may not read.
        re.compile(r"COPY with MANIFEST parameter requires full path"),
        "it cannot read the manifest in the stage; the role of COPY needs s3:GetObject on the stage's bucket",
    ),
    (
        re.compile(r"S3ServiceException:\s*Access ?Denied"),
        "the role of COPY lacks s3:GetObject or s3:ListBucket on that bucket",
    ),
    (
        re.compile(r"not authorized to assume IAM Role"),
        "the role is not attached to the cluster, or does not trust redshift.amazonaws.com; attach it, or set another "
        "ARN",
    ),
    (
        re.compile(r"(?i)default IAM role"),
        "no role is set, and the cluster has no default role; set ARN in [IAM_ROLE], or give the cluster one",
    ),
    (
        re.compile(r"S3ServiceException:.*Status 301|in a different region from this cluster"),
        "the bucket is in another region than the cluster; use a bucket in the cluster's region",
    ),
)
_CONTEXT = re.compile(r"S3 key being read : (\S+)")

# The shortest time, in seconds, after which Redshift can be told to end an idle session.
_LEAST_TIMEOUT = 60


class CancelledError(EngineError):
    """A statement was cancelled or timed out."""


@contextmanager
def mapped_errors(idle_seconds: float = 0) -> Iterator[None]:
    """Raise the driver's errors as ours. Nearly all have one class; the SQLSTATE they carry tells them apart.

    `idle_seconds` are those that the session has had no statement before this one.
    """
    from redshift_connector.error import Error

    try:
        yield
    except Error as error:
        raise _mapped_error(error, idle_seconds) from error
    except OSError as error:
        raise _broken(_os_words(error), idle_seconds) from error
    except (struct.error, LookupError, ValueError) as error:
        # What the driver raises when an answer is cut off.
        raise _broken("an answer was cut off", idle_seconds) from error


def refusal_of(error: EngineError) -> str | None:
    """Redshift's own words, or None if the error is not its answer."""
    details = _details_of(error)
    return str(details.get("M", "")).strip() if details else None


def place_of(error: EngineError, sql: str) -> str:
    """The line of the SQL with the error, and a mark below it; empty if Redshift does not tell."""
    place = int(_details_of(error).get("P") or 0) - 1
    if not 0 <= place < len(sql):
        return ""
    first = sql.rfind("\n", 0, place) + 1
    begin = f"LINE {sql.count(chr(10), 0, place) + 1}: "
    return f"{begin}{sql[first:].partition(chr(10))[0]}\n{' ' * (len(begin) + place - first)}^"


def _details_of(error: EngineError) -> dict[str, Any]:
    """What Redshift has said."""
    cause = error.__cause__
    return next((argument for argument in cause.args if isinstance(argument, dict)), {}) if cause else {}


def _os_words(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _broken(words: str, idle_seconds: float) -> LostSessionError:
    if idle_seconds < _LEAST_TIMEOUT:
        return LostSessionError(f"the connection to Redshift broke: {words}; try again")
    return LostSessionError(
        f"the connection to Redshift broke, after {idle_seconds:,.0f} seconds without a statement: {words}. Redshift "
        "ends sessions that are idle for long: try again, after an administrator has raised the limit (ALTER USER … "
        "SESSION TIMEOUT)"
    )


def _mapped_error(error: Exception, idle_seconds: float) -> EngineError:
    details = next((argument for argument in error.args if isinstance(argument, dict)), None)
    if details is None:
        words = str(error.args[0]) if error.args else type(error).__name__
        if isinstance(cause := next((a for a in error.args if isinstance(a, OSError)), None), OSError):
            words = f"{words}: {_os_words(cause)}"
        return _broken(words.split(". ")[0], idle_seconds)
    code, message = str(details.get("C", "")), str(details.get("M", ""))
    detail = re.sub(r"\s+", " ", str(details.get("D", ""))).strip()
    words = f"{message}: {detail}" if detail else message
    if (code == "XX000" and message.strip() in _CONFLICTS) or _CONFLICT.search(f"{code} {message}"):
        return ConflictError(f"Redshift refused the transaction because of another one ({words}); try again")
    for pattern, sentence in _OF_COPY:
        if pattern.search(message):
            where = f" of {found[1]}" if (found := _CONTEXT.search(detail)) else ""
            return EngineError(f"Redshift says {message.strip()!r}{where}: {sentence}")
    if code in _SENTENCES:
        named = CancelledError if code == "57014" else LostSessionError if code in _LOST else EngineError
        return named(f"Redshift says {words!r} ({code}): {_SENTENCES[code]}")
    kind = SchemaError if code in _OF_SCHEMA else EngineError
    return kind(f"Redshift refused a statement: {words} ({code})")
