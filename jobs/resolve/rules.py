"""What decides whether two names are one: the steps, and their thresholds from a file."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, get_args

from jobs.resolve.vocabulary import LABELS, Kind
from pipeline.console.arguments import did_you_mean
from pipeline.console.text import first_line
from pipeline.filesystems.beam import open_file
from pipeline.filesystems.paths import is_remote, local_path
from pipeline.filesystems.stores import require_filesystem
from schemas.errors import UsageError

# In the order in which they join; the user's decisions come before all.
STEPS = ("gazetteer", "normal_form", "initials", "document", "similar")
DECISION = "decision"

_FLAG = "--rules"
_SECTION_OF = {"organisations": "organisation", "persons": "person", "places": "place"}


@dataclass(frozen=True)
class Rules:
    """Thresholds of the steps, by section and name as a file has them.

    document_share: of the documents with longer forms of a name, those that agree on one;
    document_coverage: of the documents with the name, those with a longer form;
    document_first_names: the same where the name is how the longer one begins; document_least: the
    fewest documents that must agree on a name with more words, which a relative may have too;
    similar_score: of two spellings, the share of letters that are the same; similar_letters: the
    fewest in the word that differs; similar_ratio: how many times as frequent the usual one is;
    without: steps that are left out; labels: the names of labels by their kind.
    """

    document_share: float = 0.9
    document_coverage: float = 0.6
    document_first_names: float = 0.8
    document_least: int = 2
    similar_score: float = 0.9
    similar_letters: int = 8
    similar_ratio: float = 10.0
    without: tuple[str, ...] = ()
    labels: Mapping[Kind, tuple[str, ...]] = field(default_factory=lambda: dict(LABELS))

    def takes(self, step: str) -> bool:
        return step not in self.without


_SHARES = ("document_share", "document_coverage", "document_first_names", "similar_score")


def read_file(flag: str, path: str) -> bytes:
    """The bytes of a file that a flag names, wherever it is; raises UsageError."""
    path = local_path(path)
    if is_remote(path):
        require_filesystem(flag, path)
    try:
        with open_file(path) as stream:
            return stream.read()
    except Exception as error:  # each filesystem raises errors of its own
        raise UsageError(f"{flag} {path} cannot be read: {first_line(error)}") from error


def read_rules(path: str | None, without: Sequence[str] = ()) -> Rules:
    """The rules of a TOML file, or the defaults, with these steps left out as well.

    Raises UsageError for a file that is no TOML, and for what no rule is called or may be.
    """
    rules = Rules()
    if path is not None:
        try:
            told = tomllib.loads(read_file(_FLAG, path).decode("utf-8-sig"))
        except ValueError as error:
            raise UsageError(f"{_FLAG} {path} is no TOML: {first_line(error)}") from error
        rules = _rules_of(told, f"{_FLAG} {path}")
    return replace(rules, without=_steps([*rules.without, *without], "--without"))


def _rules_of(told: Mapping[str, Any], where: str) -> Rules:
    known = {f.name for f in fields(Rules) if "_" in f.name}
    settings: dict[str, Any] = {}
    for section, values in told.items():
        if section == "without":
            settings["without"] = _steps(_words(values, f"{where}: without"), f"{where}: without")
        elif section == "labels":
            settings["labels"] = _with_defaults(_labels(_table(values, where, section), where))
        elif section in ("document", "similar"):
            for name, value in _table(values, where, section).items():
                if f"{section}_{name}" not in known:
                    names = [k.partition("_")[2] for k in known if k.startswith(section)]
                    raise UsageError(
                        f"{where}: [{section}] has no {name!r}{did_you_mean(name, names)}"
                    )
                settings[f"{section}_{name}"] = _number(section, name, value, where)
        else:
            sections = ["without", "labels", "document", "similar"]
            raise UsageError(f"{where} has no {section!r}{did_you_mean(section, sections)}")
    return Rules(**settings)


def _table(values: object, where: str, section: str) -> Mapping[str, Any]:
    if not isinstance(values, dict):
        raise UsageError(f"{where}: {section!r} is no table: write [{section}]")
    return values


def _number(section: str, name: str, value: object, where: str) -> float | int:
    told = f"{where}: [{section}] {name} is {value!r}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{told}, expected a number")
    if f"{section}_{name}" in _SHARES and not 0 <= value <= 1:
        raise UsageError(f"{told}, expected 0 to 1")
    if not 0 <= value < float("inf"):
        raise UsageError(f"{told}, expected at least 0")
    return value


def _labels(values: Mapping[str, Any], where: str) -> dict[Kind, tuple[str, ...]]:
    labels: dict[Kind, tuple[str, ...]] = {}
    seen: dict[str, str] = {}
    for name, listed in values.items():
        kind = next((k for k in get_args(Kind) if k == _SECTION_OF.get(name)), None)
        if kind is None:
            raise UsageError(
                f"{where}: [labels] has no {name!r}{did_you_mean(name, _SECTION_OF)}, expected "
                f"{', '.join(_SECTION_OF)}"
            )
        labels[kind] = tuple(n.casefold() for n in _words(listed, f"{where}: [labels] {name}"))
        for label in labels[kind]:
            if seen.setdefault(label, name) != name:
                raise UsageError(f"{where}: [labels] has {label!r} in {seen[label]} and {name}")
    return labels


def _with_defaults(labels: Mapping[Kind, tuple[str, ...]]) -> Mapping[Kind, tuple[str, ...]]:
    """These labels, and by default others that are named nowhere among them."""
    named = {name for names in labels.values() for name in names}
    defaults = {
        kind: tuple(name for name in names if name not in named) for kind, names in LABELS.items()
    }
    return {**defaults, **labels}


def _words(values: object, where: str) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(v, str) and v for v in values):
        raise UsageError(f"{where} is {values!r}, expected a list of words")
    return values


def _steps(names: Sequence[str], where: str) -> tuple[str, ...]:
    for name in names:
        if name not in STEPS:
            raise UsageError(
                f"{where} names {name!r}, expected {', '.join(STEPS)}{did_you_mean(name, STEPS)}"
            )
    return tuple(step for step in STEPS if step in names)
