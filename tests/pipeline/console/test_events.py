"""JSON for machines: whatever a command says is one object a line, errors of every kind too."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.console.events import EventStream
from pipeline.console.start import chooses_json

_RUN = """
import logging, sys, threading, warnings
from pipeline.console.printing import account, console; from pipeline.console.process import main
from schemas.errors import *
{}
main(run)
"""


def said(program: str, *arguments: str) -> tuple[int, list[dict[str, Any]], list[dict[str, Any]]]:
    """Exit code, and the events on standard output and error, of a command's `run`."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN.format(program), "--log_format=json", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    out, errors = (
        [json.loads(line) for line in told.splitlines()] for told in (done.stdout, done.stderr)
    )
    for event in (*out, *errors):
        assert event.pop("time").endswith("Z")
    return done.returncode, out, errors


def test_all_that_is_printed_logged_and_warned_of_is_an_event() -> None:
    code, out, errors = said(
        """
def run(_):
    console().about(run_id="r1")
    account("two\\nlines \\x1b and é")
    print("a", "b")
    print("cut ", end="")
    print("in two")
    logging.getLogger("apache_beam.x").error("it %s", "broke")
    logging.getLogger("apache_beam.x").warning("not told of to people either")
    warnings.warn("old")
    print("to people", file=sys.stderr)
    failing = threading.Thread(target=lambda: 1 / 0)
    failing.start()
    failing.join()
    return 0
"""
    )
    assert code == 0
    about = {"level": "info", "event": "output", "run_id": "r1"}
    texts = ["two\nlines \x1b and é", "a b", "cut in two"]
    assert out == [{**about, "message": text} for text in texts]
    assert errors[0] == {
        "level": "error",
        "event": "log",
        "run_id": "r1",
        "logger": "apache_beam.x",
        "message": "it broke",
    }
    told = "\n".join(event["message"] for event in errors)
    assert "to people" in told
    assert "ZeroDivisionError" in told  # of a thread
    assert "not told of" not in told


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        ("UsageError('--input is off')", 2, "--input is off"),
        ("JobError('it failed')", 1, "it failed"),
        ("DeadLettersError('too many')", 3, "too many"),
        ("OutputBusyError('busy')", 5, "busy"),
        ("KeyboardInterrupt()", 1, "interrupted"),
        ("ValueError('unforeseen')", 1, "ValueError('unforeseen')"),
    ],
)
def test_every_failure_is_an_error_event_with_its_exit_code(
    raised: str, code: int, message: str
) -> None:
    found, out, (error,) = said(f"def run(_):\n    raise {raised}")
    assert ("Traceback" in error.pop("traceback", "")) is (raised.startswith("ValueError"))
    assert (found, out) == (code, [])
    expected = {"level": "error", "event": "error", "exit_code": code, "message": message}
    assert error == expected


def test_an_error_is_told_with_what_it_is_about() -> None:
    about = "def run(_):\n    console().about(run_id='r1')\n    raise JobError('it failed')"
    _, _, (error,) = said(about)
    assert (error["run_id"], error["message"]) == ("r1", "it failed")


def test_an_argument_that_is_not_utf8_and_a_usage_error_while_parsing_are_events_too() -> None:
    """The format is known before anything is parsed."""
    parses = "from jobs.evaluate.__main__ import run"
    code, _, (error,) = said(parses, "--modle=x")
    assert (code, error["exit_code"], error["event"]) == (2, 2, "error")
    assert error["message"] == "the following arguments are required: --model, --data"
    code, _, (error,) = said(parses, "caf\udce9")
    assert (code, error["message"]) == (2, "the argument b'caf\\xe9' is not UTF-8")


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        ([], False),
        (["--log_format=json"], True),
        (["--input", "a", "--log_format", "json", "--only_new"], True),
        (["--log_format", "json"], True),
        (["--log_format=text"], False),
        (["--log_format=json", "--log_format=text"], False),  # the parser refuses it, as text
        (["--log_format"], False),
        (["--log_format=jsno"], False),
        (["json"], False),
    ],
)
def test_the_format_is_found_among_the_arguments(arguments: list[str], chosen: bool) -> None:
    assert chooses_json(arguments) is chosen


def test_what_json_does_not_know_is_told_as_text() -> None:
    beneath = io.StringIO()
    stream = EventStream(beneath, "info", {})
    stream.event("x", "info", path=Path("/a"))
    stream.write("\n\n")  # blank lines are for people
    assert json.loads(beneath.getvalue())["path"] == "/a"
    assert not stream.isatty()


class Left(io.StringIO):
    """A stream whose reader has left: a pipe that is closed, or a terminal that went away."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    def flush(self) -> None:
        raise OSError(5, "Input/output error")


def test_a_reader_that_leaves_stops_nothing() -> None:
    stream = EventStream(Left(), "info", {})
    stream.event("progress", "info", documents=1)
    print("what was done", file=stream, flush=True)
    closed = io.StringIO()
    closed.close()
    EventStream(closed, "info", {}).event("progress", "info", documents=1)


def test_what_cannot_be_told_is_still_an_error() -> None:
    """Only the stream beneath may fail in silence, not whoever makes an event."""
    circular: list[object] = []
    circular.append(circular)
    with pytest.raises(ValueError, match="Circular"):
        EventStream(io.StringIO(), "info", {}).event("x", "info", value=circular)


def test_a_record_that_cannot_be_told_does_not_fail_the_library_that_logs_it() -> None:
    code, _, errors = said(
        """
def run(_):
    logging.getLogger("lib").error("bad %d", "x")
    logging.getLogger("lib").error("fine")
    return 0
"""
    )
    assert code == 0
    told = "".join(event["message"] for event in errors)
    assert "TypeError" in told  # as where people read it
    assert "fine" in told


def test_what_ends_without_an_end_of_line_is_told_when_the_command_ends() -> None:
    code, out, errors = said(
        """
def run(_):
    print("whole")
    print("half", end="")
    print("of an error", end="", file=sys.stderr)
    raise JobError("it failed")
"""
    )
    assert [event["message"] for event in out] == ["whole", "half"]
    assert {event["message"] for event in errors} == {"it failed", "of an error"}
    assert code == 1
