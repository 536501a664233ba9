"""A flag that is given twice: every value of a list counts, and of single ones none is dropped."""

# ruff: noqa: SLF001 - argparse lists its flags nowhere else

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from jobs.docs.flags import commands
from jobs.runs.__main__ import run as look_after
from pipeline.configuration.extraction import parse_extraction
from pipeline.console.arguments import Arguments
from pipeline.run import run as extract
from schemas.errors import UsageError

LIST_FLAGS = {
    "input",
    "publish",
    "keep_fields",
    "languages",
    "doc_id",
    "source",
    "search",
    "gazetteer",
    "labelled",
    "without",
    "terms",
}
LIST_FLAGS |= {"unlabelled", "silver", "silver_labels"}
MAY_BE_EMPTY = LIST_FLAGS - {
    "input",
    "publish",
    "gazetteer",
    "labelled",
    "unlabelled",
    "silver",
    "silver_labels",
    "without",
    "terms",
}


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """A parser of every command, and of every command of a command."""
    for name, parser in commands().items():
        yield name, parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                yield from ((f"{name} {own}", parser) for own, parser in action.choices.items())


def flags_with_values(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [flag for flag in parser._actions if flag.option_strings and flag.nargs != 0]


def parses_nothing_else(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The parser, which is content with the flags of a test alone."""
    for action in parser._actions:
        action.required = False
    for group in parser._mutually_exclusive_groups:
        group.required = False
    for action in [a for a in parser._actions if not a.option_strings]:
        parser._remove_action(action)
    return parser


def values_of(flag: argparse.Action) -> Sequence[str]:
    """Two values that the flag takes."""
    if flag.choices is not None:
        return [str(choice) for choice in flag.choices][:2]
    texts = ("1", "2", "0.5", "true", "false", "en", "de", "utf-8", "latin-1")
    taken = []
    for text in texts:
        try:
            flag.type(text) if callable(flag.type) else text
        except (ValueError, argparse.ArgumentTypeError, UsageError):
            continue
        taken.append(text)
    return taken[:2]


FLAGS = [
    (f"{name} {flag.option_strings[-1]}", parser, flag)
    for name, parser in parsers()
    for flag in flags_with_values(parser)
]
ALL = [pytest.param(parser, flag, id=name) for name, parser, flag in FLAGS]


@pytest.mark.parametrize(("parser", "flag"), ALL)
def test_an_empty_value_is_refused_unless_it_is_the_default(
    parser: argparse.ArgumentParser, flag: argparse.Action
) -> None:
    """As an unset variable of a shell gives: `--test=$TEST` trained without a test part."""
    name = flag.option_strings[-1]
    if flag.default == "" or name.removeprefix("--") in MAY_BE_EMPTY:
        parses_nothing_else(parser).parse_known_args([f"{name}="])
        return
    with pytest.raises(UsageError, match=name):
        parses_nothing_else(parser).parse_known_args([f"{name}="])


def flat(values: Any) -> list[str]:  # noqa: ANN401 - of any flag
    return [str(value) for value in values]


def test_every_command_has_flags_that_take_values() -> None:
    assert len(ALL) > 80
    assert {flag.dest for _, _, flag in FLAGS} > LIST_FLAGS - {"input"}


@pytest.mark.parametrize(("parser", "flag"), ALL)
@pytest.mark.parametrize("joined", [True, False])
def test_a_flag_of_ours_that_is_given_twice_adds_up_or_is_refused_by_its_name(
    parser: argparse.ArgumentParser, flag: argparse.Action, joined: bool
) -> None:
    name, (first, second) = flag.option_strings[-1], values_of(flag)
    parses_nothing_else(parser)
    for one, other in ((first, second), (first, first)):
        twice = [f"{name}={one}", f"{name}={other}"] if joined else [name, one, name, other]
        if name.removeprefix("--") in LIST_FLAGS:
            found, _ = parser.parse_known_args(twice)
            assert flat(getattr(found, flag.dest)) == [one, other]
        else:
            with pytest.raises(UsageError) as caught:
                parser.parse_known_args(twice)
            assert str(caught.value) == f"{name} is given twice, and takes one value"


def beam_parser() -> Arguments:
    parser = Arguments()
    for kind in PipelineOptions.__subclasses__():
        if kind.__module__.startswith("apache_beam."):
            kind._add_argparse_args(parser)  # type: ignore[arg-type]
    return parser


def test_beams_own_flags_add_up_or_are_refused_too() -> None:
    """Beam would take the last of two values, and run with it."""
    single = [flag for flag in beam_parser()._actions if type(flag).__name__ == "_Given"]
    assert len(single) > 60
    with pytest.raises(UsageError, match=r"^--direct_num_workers is given twice"):
        parse_extraction(["--direct_num_workers=2", "--direct_num_workers", "4"])
    with pytest.raises(UsageError, match=r"^--runner is given twice"):
        parse_extraction(["--runner=DirectRunner", "--runner=DirectRunner"])
    config = parse_extraction(["--experiments=a", "--experiments=b"])
    assert config.beam.get_all_options()["experiments"] == ["a", "b"]


def test_a_switch_may_be_given_twice() -> None:
    assert parse_extraction(["--only_new", "--only_new"]).only_new


def test_flags_are_counted_anew_each_time_a_parser_is_used() -> None:
    parser = commands()["python -m jobs.evaluate"]
    for _ in range(2):
        assert parser.parse(["--model=a", "--data=b"]).model == "a"


def write_documents(path: Path, **records: str) -> Path:
    lines = [json.dumps({"id": name, "text": text}) for name, text in records.items()]
    path.write_text("\n".join(lines) + "\n")
    return path


def rows(output: Path, table: str = "documents") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        ds.dataset(output / table, partitioning="hive").to_table().to_pylist()
    )
    return found


def test_what_was_asked_for_twice_is_read_kept_and_erased_twice(
    tmp_path: Path, kept_taggers: None
) -> None:
    one = write_documents(tmp_path / "one.jsonl", north="Ana is in Oslo.", south="Ben is not.")
    two = write_documents(tmp_path / "two.jsonl", east="Cem left Lima.", west="Dora came.")
    out = tmp_path / "out"
    flags = ["--input", str(one), "--input", str(two), "--keep_fields=id", "--keep_fields", "lang"]
    assert extract([*flags, f"--output={out}"]) == 0
    found = rows(out)
    assert {row["doc_id"] for row in found} == {"north", "south", "east", "west"}
    assert {"id", "lang"} <= set(found[0])
    forget: Callable[..., int] = look_after
    assert forget(["forget", f"--output={out}", "--doc_id", "north", "--doc_id", "west"]) == 0
    assert {row["doc_id"] for row in rows(out)} == {"south", "east"}
