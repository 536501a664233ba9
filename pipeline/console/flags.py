"""A flag is one field of a frozen dataclass: parser, bounds and what a run records follow from it.

The field's name, type and default are the flag's; its metadata say the rest.
"""

import argparse
import dataclasses
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin

from pipeline.console.arguments import number_or_auto, text_or_auto, whole_number_or_auto
from schemas.errors import UsageError

T = TypeVar("T")

_OR_AUTO: Mapping[Any, Any] = {
    int: whole_number_or_auto,
    float: number_or_auto,
    str: text_or_auto,
}
_METAVARS: Mapping[Any, str] = {int: "N", float: "X", str: "NAME", bool: "BOOL"}


def flag(text: str, metavar: str = "", default: Any = dataclasses.MISSING, **more: Any) -> Any:  # noqa: ANN401 - of any type
    """A field that is a flag, with its help and what stands for its value there.

    Without a default, the flag is required. name: where the field has another. group: the title of
    the group that begins with it. least, most: bounds of the value. choices: where the type is no
    Literal. parse: what makes the value of a text. recorded: whether a run records it (True).
    decisive: whether rows depend on it (False). auto: whether its value is found where none is
    given; it is then None.
    """
    return dataclasses.field(default=default, metadata={"help": text, "metavar": metavar, **more})


def same_flag(kind: Any, name: str) -> Any:  # noqa: ANN401 - as of `flag`
    """A field like the flag of that name of another dataclass: its default, text and bounds."""
    field = dict(flags_of(kind))[name]
    return dataclasses.field(default=field.default, metadata=field.metadata)


def flags_of(kind: Any) -> Iterator[tuple[str, dataclasses.Field[Any]]]:  # noqa: ANN401 - class or record
    """The names of the flags of a dataclass, and their fields: those with a help."""
    for field in dataclasses.fields(kind):
        if "help" in field.metadata:
            yield field.metadata.get("name", field.name), field


def add_flags(parser: argparse._ActionsContainer, kind: type) -> None:
    """Give a parser, or a group of one, the flags of a dataclass."""
    group = parser
    for name, field in flags_of(kind):
        if "group" in field.metadata:
            group = parser.add_argument_group(field.metadata["group"])
        text = field.metadata["help"] + " (default: auto)" * field.metadata.get("auto", False)
        group.add_argument(f"--{name}", help=text, **_settings(field))


def from_flags(kind: type[T], parsed: argparse.Namespace, **others: Any) -> T:
    """The dataclass that parsed flags describe; `others` are values that stand for their flags."""
    values = {field.name: getattr(parsed, name) for name, field in flags_of(kind)}
    frozen = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
    found = {field.name for _, field in flags_of(kind) if field.metadata.get("auto")}
    given = {name: v for name, v in frozen.items() if name not in found or v is not None}
    return kind(**{**given, **others})


def require_bounds(record: object, prefix: str = "--") -> None:
    """Raise UsageError for a value that is not within the bounds of its field."""
    for name, field in flags_of(record):
        value = getattr(record, field.name)
        least, most = (field.metadata.get(bound) for bound in ("least", "most"))
        if value is None or least is None:
            continue
        if not (least <= value and (most is None or value <= most)):  # so NaN is refused too
            expected = f"at least {least}" if most is None else f"{least} to {most}"
            raise UsageError(f"{prefix}{name} is {value}, expected {expected}")


def recorded(record: object) -> dict[str, Any]:
    """What a run records of its flags, by their names."""
    values = {
        name: getattr(record, field.name)
        for name, field in flags_of(record)
        if field.metadata.get("recorded", True)
    }
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def _settings(field: dataclasses.Field[Any]) -> dict[str, Any]:
    """What argparse is told of a field."""
    kind, given = field.type, field.metadata
    if kind is bool and field.default is False:
        return {"action": "store_true"}
    settings = {"choices": given.get("choices"), "default": field.default}
    if field.default is dataclasses.MISSING:
        settings |= {"default": None, "required": True}
    if isinstance(kind, UnionType):  # X | None
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        settings["choices"], kind = get_args(kind), str
    elif get_origin(kind) is tuple:
        kind = get_args(kind)[0]
        settings |= {} if "parse" in given else {"nargs": "+"}
    settings["metavar"] = given.get("metavar") or _METAVARS.get(kind)
    settings["type"] = given.get("parse", _boolean if kind is bool else kind)
    return {**settings, "default": None, "type": _OR_AUTO[kind]} if given.get("auto") else settings


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"
