"""All errors that sparkify raises on purpose.

    SparkifyError
    ├── UsageError            the request is wrong
    │   ├── ConfigError       a setting is unknown, malformed or missing
    │   └── NoWarehouseError  the warehouse does not exist yet, or has no tables
    ├── ReaderGoneError       nobody reads the pipe any more that is written
    ├── SourceError           a file or folder of the source cannot be read
    ├── EngineError           the warehouse refused or failed
    │   ├── VersionError      this program cannot work with the warehouse's version
    │   ├── SchemaError       a statement does not fit the tables that the database has
    │   ├── LockedError       another process holds the warehouse
    │   ├── LostSessionError  the connection to the warehouse broke, or cannot be opened
    │   └── ConflictError     another session changed what this one works on; trying again may help
    ├── CheckError            a data-quality check of severity "fail" found rows
    └── TooManyRejectsError   a load exceeded its limit of rejected records

A message is a sentence: what failed, on which thing, the driver's message, what to do next. It never holds a secret.
"""


class SparkifyError(Exception):
    """Base of all errors to show to a user."""


class UsageError(SparkifyError):
    """The request is wrong: an argument, an option, a path to write to."""


class ConfigError(UsageError):
    """A setting is unknown, malformed or missing."""


class NoWarehouseError(UsageError):
    """The warehouse does not exist yet, or holds no tables."""


class ReaderGoneError(SparkifyError):
    """Nobody reads the pipe any more that is written. A command that meets it ends, and is no failure."""


class SourceError(SparkifyError):
    """A source cannot be listed, or one of its files cannot be read completely."""


class EngineError(SparkifyError):
    """The engine of the warehouse refused a statement or failed."""


class VersionError(EngineError):
    """This program cannot read or change a warehouse of this version, or must migrate it first."""


class SchemaError(EngineError):
    """A statement names a table or column that the database does not have, or takes its values for another type."""


class LockedError(EngineError):
    """Another process holds the warehouse."""


class LostSessionError(EngineError):
    """The connection to the warehouse broke, or none can be opened: what it had not committed is lost."""


class ConflictError(EngineError):
    """Another session changed what this transaction read. Nothing was committed; trying again may help."""


class CheckError(SparkifyError):
    """A check of severity fail found rows; nothing was committed."""


class TooManyRejectsError(SparkifyError):
    """More records were rejected than the caller allows; nothing was committed."""
