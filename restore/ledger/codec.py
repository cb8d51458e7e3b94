"""Nouns to JSON text and back, driven by their declared types.

A dataclass becomes an object tagged with its class name under "$"; the text is ASCII, one line, keys in field
order, so that equal values give equal text (the ledger hashes it). bytes are written as the text whose code
points they are (Latin-1): lossless, legible, and a search for a leaked secret finds it, as it would not in
base64.
A field is checked against its declared type when written, so that whatever was written can be read.
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from types import ModuleType

from detectors.rule import Rule
from restore.errors import RecordUnreadable
from restore.model import facts, mail, mysql, outcome, plan, stores

TAG = "$"
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")  # JSON would read these two as one character


@dataclass(frozen=True, slots=True)
class _Form:
    """How values of one declared type are told apart, written and read."""

    fits: Callable[[typing.Any], bool]
    write: Callable[[typing.Any], object]
    accepts: Callable[[object], bool]
    read: Callable[[typing.Any], object]


_classes: dict[str, type] = {}


def register(classes: Iterable[type]) -> None:
    """Make dataclasses known by their names; a name can be used once only."""
    for cls in classes:
        if _classes.setdefault(cls.__name__, cls) is not cls:
            raise TypeError(f"two nouns are called {cls.__name__}")


def nouns(module: ModuleType) -> tuple[type, ...]:
    """The dataclasses that a module itself defines."""
    found = (value for value in vars(module).values() if isinstance(value, type) and is_dataclass(value))
    return tuple(cls for cls in found if cls.__module__ == module.__name__)


def encode(value: object) -> str:
    """One noun as one line of JSON. Raises TypeError for a value that is none, or holds what its fields do
    not declare (a Secret among them: it goes into the vault, and its id here)."""
    kind: type = type(value)
    return json.dumps(_noun(kind).write(value), separators=(",", ":"), allow_nan=False)


def decode(text: str) -> object:
    """The noun that encode() wrote. Raises RecordUnreadable, naming what is wrong."""
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise RecordUnreadable(f"a record is not JSON: {error}") from error
    return _tagged(raw)


def _tagged(raw: object) -> object:
    if not isinstance(raw, dict) or TAG not in raw:
        raise RecordUnreadable("a record does not say what it is")
    cls = _classes.get(str(raw[TAG]))
    if cls is None:
        raise RecordUnreadable(f"a record is a {raw[TAG]!r}, which this version does not know")
    return _noun(cls).read(raw)


@cache
def _noun(cls: type) -> _Form:
    """The form of a dataclass. Fields are resolved at first use, as nouns may name each other."""
    if _classes.get(cls.__name__) is not cls:
        raise TypeError(f"{cls.__name__} is not a noun that may be recorded")

    @cache
    def parts() -> tuple[tuple[Field[object], _Form], ...]:
        hints = typing.get_type_hints(cls)
        return tuple((field, _form(hints[field.name])) for field in fields(cls))

    def write(value: object) -> object:
        written: dict[str, object] = {TAG: cls.__name__}
        for field, form in parts():
            part = getattr(value, field.name)
            if not form.fits(part):
                raise TypeError(f"{cls.__name__}.{field.name} cannot record a {type(part).__name__}")
            written[field.name] = form.write(part)
        return written

    def read(raw: dict[str, object]) -> object:
        values = {}
        for field, form in parts():
            name = field.name
            if name not in raw:
                if field.default is MISSING and field.default_factory is MISSING:
                    raise RecordUnreadable(f"a {cls.__name__} lacks its {name}")
            elif form.accepts(raw[name]):
                values[name] = form.read(raw[name])
            else:
                raise RecordUnreadable(f"the {name} of a {cls.__name__} is not what it should be")
        if len(values) + 1 != len(raw):
            extra = raw.keys() - values.keys() - {TAG}
            raise RecordUnreadable(f"a {cls.__name__} has fields this version does not know: {sorted(extra)}")
        try:
            return cls(**values)
        except ValueError as error:
            raise RecordUnreadable(f"a {cls.__name__} contradicts itself: {error}") from error

    def accepts(raw: object) -> bool:
        return isinstance(raw, dict) and raw.get(TAG) == cls.__name__

    return _Form(lambda value: type(value) is cls, write, accepts, read)


def _text_out(value: typing.Any) -> object:
    return (
        {"utf8": value.encode("utf-8", "surrogatepass").decode("latin-1")} if _PAIR.search(value) else value
    )


def _text_in(raw: str | dict[str, str]) -> str:
    if isinstance(raw, str):
        return raw
    return raw["utf8"].encode("latin-1").decode("utf-8", "surrogatepass")


def _is_text(raw: object) -> bool:
    return isinstance(raw, str) or (isinstance(raw, dict) and raw.keys() == {"utf8"})


def _plain(kind: type) -> _Form:
    def fits(value: object) -> bool:
        return type(value) is kind

    return _Form(fits, lambda value: value, fits, lambda raw: raw)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_SIMPLE: dict[object, _Form] = {
    str: _Form(lambda value: type(value) is str, _text_out, _is_text, _text_in),
    bytes: _Form(
        lambda value: type(value) is bytes,
        lambda value: value.decode("latin-1"),
        lambda raw: isinstance(raw, str),
        lambda raw: raw.encode("latin-1"),
    ),
    int: _plain(int),
    bool: _plain(bool),
    float: _Form(_is_number, lambda value: value, _is_number, float),
    types.NoneType: _plain(types.NoneType),
}


@cache
def _form(hint: typing.Any) -> _Form:
    """The form of a declared type: text, bytes, number, Enum, noun, Optional, union, tuple, set or dict."""
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _union([_form(part) for part in inner])
    if origin is tuple and inner[-1] is not Ellipsis:
        return _row([_form(part) for part in inner])
    if origin is tuple:
        return _many(tuple, _form(inner[0]))
    if origin is frozenset:
        return _many(frozenset, _form(inner[0]))
    if origin is dict:
        return _pairs(_row([_form(part) for part in inner]))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum(hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return _noun(hint)
    raise TypeError(f"{hint} cannot be recorded")


def _union(forms: list[_Form]) -> _Form:
    def write(value: object) -> object:
        return next(form for form in forms if form.fits(value)).write(value)

    def read(raw: object) -> object:
        return next(form for form in forms if form.accepts(raw)).read(raw)

    return _Form(
        lambda value: any(form.fits(value) for form in forms),
        write,
        lambda raw: any(form.accepts(raw) for form in forms),
        read,
    )


def _row(forms: list[_Form]) -> _Form:
    def each(test: str, values: typing.Any) -> bool:
        return len(values) == len(forms) and all(
            getattr(form, test)(value) for form, value in zip(forms, values, strict=True)
        )

    return _Form(
        lambda value: type(value) is tuple and each("fits", value),
        lambda value: [form.write(part) for form, part in zip(forms, value, strict=True)],
        lambda raw: isinstance(raw, list) and each("accepts", raw),
        lambda raw: tuple(form.read(part) for form, part in zip(forms, raw, strict=True)),
    )


def _many(kind: type[tuple[object, ...]] | type[frozenset[object]], form: _Form) -> _Form:
    def write(value: Iterable[object]) -> object:
        written = [form.write(part) for part in value]
        return sorted(written, key=json.dumps) if kind is frozenset else written

    return _Form(
        lambda value: type(value) is kind and all(form.fits(part) for part in value),
        write,
        lambda raw: isinstance(raw, list) and all(form.accepts(part) for part in raw),
        lambda raw: kind(form.read(part) for part in raw),
    )


def _pairs(row: _Form) -> _Form:
    many = _many(tuple, row)
    return _Form(
        lambda value: type(value) is dict and many.fits(tuple(value.items())),
        lambda value: many.write(tuple(value.items())),
        many.accepts,
        lambda raw: dict(many.read(raw)),  # type: ignore[call-overload]
    )


def _enum(kind: type[Enum]) -> _Form:
    values = {member.value for member in kind}
    return _Form(
        lambda value: type(value) is kind,
        lambda value: value.value,
        lambda raw: isinstance(raw, str | int) and raw in values,
        kind,
    )


register((Rule,))
for _module in (facts, mail, mysql, outcome, plan, stores):
    register(nouns(_module))
