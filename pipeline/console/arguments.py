"""What all command lines share: one sentence and an exit code instead of a traceback.

Nothing here imports Beam or TensorFlow, so that `--help` and a mistyped flag answer at once.
"""

import argparse
import difflib
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol

from model.host.durable_files import replace_file
from model.host.installation import installed_version
from pipeline.console.printing import answer
from pipeline.console.start import FLAG, JSON
from pipeline.console.text import first_line
from schemas.errors import JobError, UsageError

_EXAMPLES = "examples:"


def whole_number_or_auto(text: str) -> int | None:
    """None for `auto`."""
    return None if text == "auto" else int(text)


def number_or_auto(text: str) -> float | None:
    """None for `auto`."""
    return None if text == "auto" else float(text)


def text_or_auto(text: str) -> str | None:
    """None for `auto`."""
    return None if text == "auto" else text


_KINDS: Mapping[object, str] = {
    int: "a whole number",
    float: "a number",
    whole_number_or_auto: "a whole number or auto",
    number_or_auto: "a number or auto",
}


class Arguments(argparse.ArgumentParser):
    """An argument parser that raises UsageError with a sentence, and never abbreviates.

    Of a flag that is given twice, no value is dropped: see `_Given`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"add_help": False, "allow_abbrev": False, **settings})
        self.given: set[str] = set()  # destinations of the flags that were met so far
        for action in (None, "store"):  # groups share what is registered here
            self.register("action", action, _Given)

    def parse_known_args(  # type: ignore[override]  # argparse overloads it for its namespaces
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        self.given.clear()
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        raise UsageError(message.removeprefix("argument "))

    def _print_message(self, message: str, _file: object = None) -> None:
        """Where argparse alone passes over a standard output that takes nothing, say so."""
        answer(message.removesuffix("\n"))

    @property
    def flags(self) -> list[str]:
        """Every flag that this parser takes."""
        return list(self._option_string_actions)

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401 - of any type
        """Where argparse alone lists the choices, name the nearest too."""
        if action.choices is None or value in action.choices:
            return
        choices = list(map(str, action.choices))
        is_command = isinstance(action, argparse._SubParsersAction)  # noqa: SLF001 - public by no other name
        wrong = f"unknown command {value!r}" if is_command else f"{_name_of(action)} is {value!r}"
        nearest = did_you_mean(str(value), choices)
        raise UsageError(f"{wrong}, expected {_either(choices)}{nearest}")

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:  # noqa: ANN401 - of any type
        """Where argparse alone names Python's type, say what is expected."""
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError as error:
            kind = _KINDS.get(action.type)
            if kind is None:
                raise
            message = f"{_name_of(action)} is {arg_string!r}, expected {kind}"
            raise UsageError(message) from error


class _Given(argparse._StoreAction):  # noqa: SLF001 - public by no other name
    """The values of a flag: lists add up, and of two single values none is the right one.

    argparse alone keeps what was given last, and drops the rest in silence. A value is not empty,
    unless it is so by default.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,  # noqa: ANN401 - of the flag's type
        option_string: str | None = None,
    ) -> None:
        if self.option_strings and isinstance(parser, Arguments):
            if values in ("", [""]) and self.default != "":  # an unset variable of a shell
                raise UsageError(f"{option_string} is empty: it needs a value")
            if self.dest in parser.given:
                if not isinstance(values, list | tuple):
                    raise UsageError(f"{option_string} is given twice, and takes one value")
                values = type(values)([*getattr(namespace, self.dest), *values])
            parser.given.add(self.dest)
        setattr(namespace, self.dest, values)


class Parser(Arguments):
    """The parser of a command: its help fits 80 columns and ends with examples that work.

    What every command takes comes last in it, whatever the command adds later.

    examples: what follows `prog` in each; synopsis: what the usage line shows of the flags, where
    it is not to show them all.
    """

    def __init__(
        self,
        prog: str,
        description: str | None,
        *,
        examples: Sequence[str] = (),
        synopsis: str | None = None,
    ) -> None:
        lines = [f"  {prog} {example}".rstrip() for example in examples]
        super().__init__(
            prog=prog,
            usage=None if synopsis is None else f"{prog} {synopsis}",
            description=description,
            epilog="\n".join([_EXAMPLES, *lines]) if lines else None,
            formatter_class=_Help,
        )
        self._general = self.add_argument_group("general")
        add = self._general.add_argument
        add("-h", "--help", action="help", help="show this and leave")
        add("--version", action=_Version, nargs=0, help="say which gleaner this is and leave")
        add(
            FLAG,
            choices=("text", JSON),
            default="text",
            metavar="FORMAT",
            help="text (the default) or json: one object a line",
        )

    def format_help(self) -> str:
        self._action_groups.sort(key=lambda group: group is self._general)
        return super().format_help()

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """The parsed flags; raises UsageError for whatever is not one."""
        namespace, unknown = self.parse_known_args(arguments)
        if unknown:
            raise UsageError(unknown_argument(unknown[0], self.flags))
        return namespace


class _Version(argparse.Action):
    """As argparse's own, which wants to know the version before anybody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        answer(f"gleaner {installed_version()}")
        parser.exit()


class _Help(argparse.HelpFormatter):
    """Help of at most 80 columns; a default is shown once, and where it says something."""

    def __init__(self, prog: str) -> None:
        width = min(80, shutil.get_terminal_size().columns)
        super().__init__(prog, max_help_position=26, width=width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith(_EXAMPLES):
            return text
        return super()._fill_text(text, width, indent)

    def _get_help_string(self, action: argparse.Action) -> str:
        text, default = action.help or "", action.default
        says_something = isinstance(default, str | int | float) and default is not False
        if not says_something or default in ("", argparse.SUPPRESS) or "default" in text:
            return text
        return f"{text} (default: %(default)s)"

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        if action.nargs == argparse.ONE_OR_MORE:
            return f"{action.metavar or default_metavar} ..."
        return super()._format_args(action, default_metavar)


class Command(Protocol):
    """A module that is one command of several; line one of its docstring is its help.

    It imports what needs Beam in `run`: a mistyped flag answers at once, and Beam logs at import,
    so that comes once the libraries are quiet.
    """

    __doc__: str | None

    def add_flags(self, parser: argparse.ArgumentParser) -> None:
        """Add what the command takes of its own."""

    def run(self, flags: argparse.Namespace) -> int:
        """Do it, and print what a person should know; returns the exit code."""


@dataclass(frozen=True)
class Shown:
    """What the help of a command shows beside its flags: examples, and a usage line of its own."""

    examples: Sequence[str] = ()
    synopsis: str | None = None


def add_commands(
    parser: Parser,
    commands: Mapping[str, Command],
    shown: Mapping[str, Shown],
    common: Callable[[Parser], object] | None = None,
) -> None:
    """Give a parser its commands, each with a parser of its own.

    common: adds what each of them takes, before its own flags.
    """
    added = parser.add_subparsers(
        title="commands", required=True, metavar="COMMAND", prog=parser.prog, parser_class=Parser
    )
    for name, command in commands.items():
        told = (command.__doc__ or "").splitlines()[0]
        how = shown.get(name, Shown())
        own = added.add_parser(
            name, description=told, help=told, examples=how.examples, synopsis=how.synopsis
        )
        if common:
            common(own)
        command.add_flags(own)
        own.set_defaults(command=command, known=own.flags)


def run_command(parser: Parser, arguments: Sequence[str]) -> int:
    """Run the command of `add_commands` that the arguments name; returns the exit code."""
    flags, unknown = parser.parse_known_args(arguments)
    if unknown:
        raise UsageError(unknown_argument(unknown[0], flags.known))
    command: Command = flags.command
    return command.run(flags)


def unknown_argument(argument: str, known: Iterable[str]) -> str:
    """The sentence for an argument that no flag takes."""
    flag = argument.split("=", maxsplit=1)[0]
    if not flag.startswith("-"):
        return f"{argument!r} belongs to no flag"
    return f"unknown flag {flag}" + did_you_mean(flag, known)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence on a word that is none of the known: the nearest, if one is near."""
    near = nearest(word, known)
    return f", did you mean {near}?" if near else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that another one was most likely meant to be; None: it is near none."""
    known = list(known)
    alike = [name for name in known if _letters(name) == _letters(word)]
    return next(iter(alike or difflib.get_close_matches(word, known, 1)), None)


def _letters(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def _either(choices: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]]))


def _name_of(action: argparse.Action) -> str:
    return action.option_strings[-1] if action.option_strings else str(action.metavar)


def write_file(flag: str, path: str, text: str) -> None:
    """Write a file that a flag names, whole or not at all; raises JobError where it cannot be.

    What is no ordinary file, as a pipe or a terminal is, is written to as it is.
    """
    file = Path(path).resolve()
    try:
        if file.exists() and not file.is_file():
            file.write_text(text, "utf-8")
        else:
            replace_file(file, text.encode())
    except OSError as error:
        raise JobError(f"{flag} {path} cannot be written: {first_line(error)}") from error


def require_file(
    flag: str, path: str | None, others: Iterable[tuple[str, str | None]] = ()
) -> None:
    """Raise UsageError where `flag` names a file that cannot be written; None is no file.

    others: flags and their files, read or written, none of which it may overwrite.
    """
    if not path:
        return
    file = Path(path).resolve()
    if file.is_dir() or not file.parent.is_dir():
        raise UsageError(f"{flag} {path} cannot be written: not a file in a folder")
    if file.exists() and not file.is_file():
        return  # a terminal takes what comes from several
    for other, taken in others:
        if taken and Path(taken).resolve() == file:
            raise UsageError(f"{flag} {path} would overwrite the file of {other}")


def require_new_file(flag: str, path: str) -> None:
    """Raise UsageError where `flag` names a file that is there already, or cannot be written."""
    if Path(path).is_file():
        raise UsageError(f"{flag} {path} exists already, and is not overwritten: name a new file")
    require_file(flag, path)
