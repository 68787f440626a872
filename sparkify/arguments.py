"""Whether a caller's values are of the declared types: a wrong one ends in a sentence, not in an error from inside.

The annotations say what the types are. Every public function is `checked`, and the classes of options check their
fields as they are made.
"""

import collections.abc
import datetime as dt
import functools
import inspect
import os
import types
import typing
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from numbers import Integral, Real
from typing import Any, Literal, TypeVar, get_args, get_origin

from sparkify.errors import UsageError

_Function = TypeVar("_Function", bound=Callable[..., Any])
# Also what other libraries register as such, as numpy does.
_NUMBERS: dict[Any, type] = {int: Integral, float: Real}
_WORDS: dict[Any, str] = {
    types.NoneType: "None",
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "text",
    dict: "a dictionary",
    list: "a list",
    tuple: "a tuple",
    dt.date: "a date",
    os.PathLike: "a path",
    collections.abc.Callable: "a function",
    collections.abc.Collection: "a list",
    collections.abc.Mapping: "a dictionary",
}


def checked(function: _Function) -> _Function:
    """The function, which raises UsageError for an argument that is not of its type before it does anything."""
    signature = inspect.signature(function)
    hints = functools.cache(lambda: typing.get_type_hints(function))

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments.items()
        # Any number of further ones are checked by who takes them.
        kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
        _check(function.__name__, hints(), [one for one in given if kinds[one[0]] is not inspect.Parameter.VAR_KEYWORD])
        return function(*args, **kwargs)

    return typing.cast(_Function, call)


def check_fields(options: Hashable) -> None:
    """Raises UsageError for a field of an object that is not of the type that its class declares."""
    kind: type[Hashable] = type(options)
    hints = _hints_of(kind)
    _check(kind.__name__, hints, [(name, getattr(options, name)) for name in hints])


@functools.cache
def _hints_of(kind: type[Hashable]) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _check(owner: str, hints: Mapping[str, Any], values: Iterable[tuple[str, Any]]) -> None:
    for name, value in values:
        hint = hints[name]
        if not _fits(value, hint):
            advice = "; make one with load_config" if getattr(hint, "__name__", "") == "Config" else ""
            raise UsageError(f"{owner}: {name} must be {_describe(hint)}, not {_name(value, hint)}{advice}")
        if (
            any(get_origin(part) is os.PathLike for part in get_args(hint))
            and value is not None
            and not _is_path(value)
        ):
            raise UsageError(f"{owner}: {name} cannot be a path: it holds a zero byte, or characters of no file system")


def _fits(value: Any, hint: Any) -> bool:
    origin, parts = get_origin(hint), get_args(hint)
    kind = origin or hint
    if hint is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is Literal:
        return any(type(value) is type(part) and value == part for part in parts)
    if hint in _NUMBERS:
        return isinstance(value, _NUMBERS[hint]) and not isinstance(value, bool)
    # A moment is a date to Python, and cannot be compared with one.
    if not isinstance(value, kind) or (hint is dt.date and isinstance(value, dt.datetime)):
        return False
    if issubclass(kind, Mapping):
        # What it holds is for its reader to say.
        return all(isinstance(key, str) for key in value)
    return not (issubclass(kind, Collection) and parts) or all(_fits(one, parts[0]) for one in value)


def _is_path(value: Any) -> bool:
    try:
        return b"\0" not in os.fsencode(value)
    except (UnicodeError, TypeError):
        return False


def _describe(hint: Any) -> str:
    """A type in words."""
    origin, parts = get_origin(hint), get_args(hint)
    kind = origin or hint
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(_describe, parts))
    if origin is Literal:
        return " or ".join(map(repr, parts))
    if kind not in _WORDS:
        return f"a {kind.__name__}"
    return f"{_WORDS[kind]} of {_describe(parts[0])}" if issubclass(kind, Collection) and parts else _WORDS[kind]


def _name(value: Any, hint: Any) -> str:
    """The type of a value in words; the value, which may be a secret, only where words are chosen from."""
    if isinstance(value, str):
        return repr(value[:40]) if get_origin(hint) is Literal else "text"
    return "None" if value is None else f"a value of type {type(value).__name__}"
