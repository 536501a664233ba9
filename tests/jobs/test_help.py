"""Help of every command: short, answered at once, its examples work; and answers to mistakes."""

import argparse
import contextlib
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from jobs.benchmark.__main__ import benchmark_parser
from jobs.benchmark.baselines.__main__ import baselines_parser
from jobs.benchmark.gazetteer.__main__ import gazetteer_parser
from jobs.benchmark.publishing.__main__ import publishing_parser
from jobs.evaluate.__main__ import evaluation_parser
from jobs.evaluate.__main__ import run as evaluate
from jobs.label.__main__ import COMMANDS as LABEL_COMMANDS
from jobs.label.__main__ import label_parser
from jobs.publish.__main__ import publish_parser
from jobs.report.__main__ import report_parser
from jobs.resolve.__main__ import resolve_parser
from jobs.runs.__main__ import COMMANDS as RUNS_COMMANDS
from jobs.runs.__main__ import EXAMPLES, runs_parser
from jobs.train.flags import training_parser
from jobs.tune.__main__ import tuning_parser
from model.host.installation import installed_version
from pipeline.configuration.extraction import extraction_parser, parse_extraction
from schemas.errors import UsageError

Parse = Callable[[Sequence[str]], object]


def parse_tuning(arguments: Sequence[str]) -> object:
    """As a search does up to where it looks for files."""
    _, given = tuning_parser().parse_known_args(arguments)
    return training_parser().parse([*given, "--output=x"])


def parse_gazetteer(arguments: Sequence[str]) -> object:
    flags, given = gazetteer_parser().parse_known_args(arguments)
    parse_extraction(given)
    return flags


def parse_benchmark(arguments: Sequence[str]) -> object:
    _, given = benchmark_parser().parse_known_args(arguments)
    return parse_extraction(given)


def parse_label(arguments: Sequence[str]) -> object:
    flags, unknown = label_parser().parse_known_args(arguments)
    assert not unknown
    return flags


def parse_runs(arguments: Sequence[str]) -> object:
    flags, unknown = runs_parser().parse_known_args(arguments)
    assert not unknown
    return flags


# Command: its parser, and what takes the arguments of its examples.
COMMANDS: dict[str, tuple[Callable[[], argparse.ArgumentParser], Parse]] = {
    "pipeline.run": (extraction_parser, parse_extraction),
    "jobs.train": (training_parser, lambda arguments: training_parser().parse(arguments)),
    "jobs.evaluate": (evaluation_parser, lambda arguments: evaluation_parser().parse(arguments)),
    "jobs.tune": (tuning_parser, parse_tuning),
    "jobs.benchmark": (benchmark_parser, parse_benchmark),
    "jobs.benchmark.baselines": (
        baselines_parser,
        lambda arguments: baselines_parser().parse(arguments),
    ),
    "jobs.benchmark.gazetteer": (gazetteer_parser, parse_gazetteer),
    "jobs.benchmark.publishing": (
        publishing_parser,
        lambda arguments: publishing_parser().parse(arguments),
    ),
    "jobs.label": (label_parser, parse_label),
    "jobs.runs": (runs_parser, parse_runs),
    "jobs.resolve": (resolve_parser, lambda arguments: resolve_parser().parse(arguments)),
    "jobs.publish": (publish_parser, lambda arguments: publish_parser().parse(arguments)),
    "jobs.report": (report_parser, lambda arguments: report_parser().parse(arguments)),
}


def said_by(command: str, flag: str) -> str:
    """What a command, or one of its own commands, says and leaves with 0."""
    module, _, own = command.partition(" ")
    with contextlib.redirect_stdout(io.StringIO()) as shown, pytest.raises(SystemExit) as left:
        COMMANDS[module][0]().parse_known_args([*own.split(), flag])
    assert left.value.code == 0
    return shown.getvalue()


def help_of(command: str) -> str:
    return said_by(command, "--help")


ALL = [
    *COMMANDS,
    *(f"jobs.runs {command}" for command in RUNS_COMMANDS),
    *(f"jobs.label {command}" for command in LABEL_COMMANDS),
]
# Commands with more lines of help than most.
LONG = {"pipeline.run": 60, "jobs.train": 73, "jobs.label select": 40}


@pytest.mark.parametrize("command", ALL)
def test_help_is_short_and_fits_80_columns(command: str) -> None:
    lines = help_of(command).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= LONG.get(command, 30)
    # Nearly every flag has one line, and none is without a word.
    flags = [line for line in lines if re.match(r"  -", line)]
    assert all(re.search(r"\S  +\S", line[2:]) for line in flags if "NAME" not in line)
    assert not re.search(r"default: (None|False|\[)|default.*default", "\n".join(lines))


@pytest.mark.parametrize("command", ALL)
def test_what_every_command_takes_comes_last(command: str) -> None:
    """Before the examples: who reads the help looks for what this command does."""
    flags, _, _ = help_of(command).partition("\nexamples:\n")
    last = [line.split()[0].strip(",") for line in flags.splitlines()[-4:]]
    assert last == ["general:", "-h", "--version", "--log_format"]


@pytest.mark.parametrize("command", ALL)
def test_every_command_tells_the_version(command: str) -> None:
    """Whatever it requires otherwise."""
    assert said_by(command, "--version") == f"gleaner {installed_version()}\n"


@pytest.mark.parametrize("command", ALL)
def test_every_example_that_help_shows_works(command: str) -> None:
    """Their arguments are taken as they stand."""
    _, _, shown = help_of(command).partition("\nexamples:\n")
    examples = [shlex.split(line) for line in shown.splitlines()]
    assert 2 <= len(examples) <= 4
    module, _, own = command.partition(" ")
    for example in examples:
        assert example[:3] == ["python", "-m", module]
        if own:
            assert example[3] == own
        if "--help" not in example:
            COMMANDS[module][1](example[3:])


def test_no_command_needs_beam_or_tensorflow_to_tell_the_version() -> None:
    program = """import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name).run(["--version"])
    except SystemExit as left:
        assert left.code == 0
assert not {"apache_beam", "tensorflow"} & set(sys.modules), "imported"
"""
    modules = [name if name == "pipeline.run" else f"{name}.__main__" for name in COMMANDS]
    done = subprocess.run(
        [sys.executable, "-c", program, *modules], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"gleaner {installed_version()}\n" * len(COMMANDS)


@pytest.mark.parametrize("arguments", [["--help"], ["--keep_text=smaple"]])
def test_help_and_a_wrong_value_need_no_beam_and_no_tensorflow(arguments: list[str]) -> None:
    program = """import atexit, sys
from pipeline.console.process import main
from pipeline.run import run
try:
    run(sys.argv[1:])
except BaseException as error:
    print(type(error).__name__)
assert not {"apache_beam", "tensorflow", "pandas"} & set(sys.modules), "imported"
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == (
        "SystemExit" if arguments == ["--help"] else "UsageError"
    )


@pytest.mark.parametrize(
    ("parse", "arguments", "message"),
    [
        (parse_runs, ["lst"], "unknown command 'lst', expected list, show, verify, .* mean list?"),
        (parse_runs, ["verfy"], "unknown command 'verfy', .*, did you mean verify?"),
        (parse_runs, ["expire", "--older_than=x"], "--older_than is 'x', expected a whole number"),
        (
            COMMANDS["jobs.train"][1],
            ["--train=a", "--tokens=hole"],
            "--tokens is 'hole', expected auto, fine or whole, did you mean whole?",
        ),
        (
            COMMANDS["jobs.train"][1],
            ["--train=a", "--batch-size=3"],
            "unknown flag --batch-size, did you mean --batch_size?",
        ),
        (
            COMMANDS["jobs.evaluate"][1],
            ["--model=a", "--data=b", "--mistakes=ten"],
            "--mistakes is 'ten', expected a whole number",
        ),
        (parse_benchmark, ["--log_format=xml"], "--log_format is 'xml', expected text or json"),
    ],
)
def test_a_mistake_is_answered_with_the_nearest_that_is_right(
    parse: Parse, arguments: list[str], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        parse(arguments)
    assert re.fullmatch(message.replace("?", r"\?"), str(caught.value)), str(caught.value)


def test_each_command_of_runs_has_examples() -> None:
    assert set(EXAMPLES) == set(RUNS_COMMANDS)


def test_a_model_that_is_not_there_is_answered_with_the_nearest_bundled(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\(bundled: gmb-en\), did you mean gmb-en\?"):
        evaluate(["--model=gmb_en", f"--data={tmp_path}/x"])
