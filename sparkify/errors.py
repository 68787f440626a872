"""Every error that sparkify raises on purpose.

    SparkifyError
    ├── UsageError            what was asked for makes no sense
    │   ├── ConfigError       a setting is unknown, malformed or missing
    │   └── NoWarehouseError  there is nothing yet to read from
    ├── SourceError           a file or folder of the source cannot be read
    ├── EngineError           the warehouse refused or failed
    │   ├── LockedError       another process holds the warehouse
    │   └── ConflictError     another session changed what this one works on; trying again may help
    ├── CheckError            a data-quality check of severity "fail" found rows
    └── TooManyRejectsError   a load exceeded its limit of rejected records

A message is a sentence: what failed, on which thing, the driver's own words, what to do next. It never holds a secret.
Exit codes are the command line's business.
"""


class SparkifyError(Exception):
    """Base of all errors meant for a user's eyes."""


class UsageError(SparkifyError):
    """The request itself is wrong: an argument, an option, a path to write to."""


class ConfigError(UsageError):
    """A setting is unknown, malformed or missing, wherever it came from."""


class NoWarehouseError(UsageError):
    """The warehouse does not exist yet, or holds no tables."""


class SourceError(SparkifyError):
    """A source cannot be listed, or a file of it cannot be read whole."""


class EngineError(SparkifyError):
    """The warehouse's engine refused or failed."""


class LockedError(EngineError):
    """Another process holds the warehouse."""


class ConflictError(EngineError):
    """Another session changed what this transaction has read. Nothing was committed; trying again may help."""


class CheckError(SparkifyError):
    """The rows break a rule that must hold; nothing was committed."""


class TooManyRejectsError(SparkifyError):
    """More records were rejected than the caller allows; nothing was committed."""
