"""What our code takes for granted of the insides of argparse and of Python's processes.

None of it is promised, as `test_beam_assumptions.py` has it of Beam.
"""

import argparse
import atexit
import inspect
import multiprocessing
import subprocess
import sys

import pytest

# argparse


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("_check_value", ["self", "action", "value"]),
        ("_get_value", ["self", "action", "arg_string"]),
    ],
)
def test_the_parser_asks_these_for_values(method: str, expected: list[str]) -> None:
    """Else a wrong value is answered in argparse's words, without the nearest right one."""
    assert [*inspect.signature(getattr(argparse.ArgumentParser, method)).parameters] == expected


@pytest.mark.parametrize("name", ["_option_string_actions", "_action_groups", "_actions"])
def test_the_parser_keeps_its_flags_and_groups_here(name: str) -> None:
    """Else the nearest flag is not suggested, help has another order, or the reference no flags."""
    assert len(getattr(argparse.ArgumentParser(), name)) == 2 - (name == "_actions")


def test_commands_of_a_command_are_an_action_of_this_class() -> None:
    """Else an unknown command of `jobs.runs` is answered as if it were a flag's value."""
    commands = argparse.ArgumentParser().add_subparsers()
    assert isinstance(commands, argparse._SubParsersAction)  # noqa: SLF001 - public by no other name


@pytest.mark.parametrize("name", ["_fill_text", "_get_help_string", "_format_args"])
def test_help_is_formatted_by_these(name: str) -> None:
    """Else examples run together into one line, or defaults are shown twice."""
    assert callable(getattr(argparse.HelpFormatter, name))


# Processes


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_context_has_the_class_of_its_processes(method: str) -> None:
    """Else no worker process starts."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("not on this system")
    assert callable(getattr(multiprocessing.get_context(method), "Process"))  # noqa: B009 - untyped


def said_by(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")
def test_what_a_hook_of_a_fork_raises_is_dropped() -> None:
    """Which is why interrupts are put off: the run would go on, and then hang."""
    program = """
import os
os.register_at_fork(after_in_parent=lambda: 1 / 0)
child = os.fork()
if not child:
    os._exit(0)
print("went on")
"""
    assert said_by(program) == "went on\n"


def test_functions_to_run_at_exit_can_be_run_before() -> None:
    """Else a server that Beam started for a job outlives it, since commands leave by `os._exit`."""
    program = """
import atexit, os
atexit.register(print, "at exit", flush=True)
atexit._run_exitfuncs()
os._exit(0)
"""
    assert hasattr(atexit, "_run_exitfuncs")
    assert said_by(program) == "at exit\n"
