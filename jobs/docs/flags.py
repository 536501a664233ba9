"""The flags of every command, from its parser."""

import argparse
from collections.abc import Iterator, Mapping

from jobs.docs.markdown import table
from pipeline.command_line import Parser

_HEAD = """# Flags

Flags are spelled with underscores, and in full; of a mistyped one the nearest is named. `--help` of
each command says the same as this page."""


def flags_page() -> str:
    """The page in Markdown: a section for each command, with a table for each group of flags."""
    parts = [_HEAD]
    for name, parser in commands().items():
        parts.append(f"## {name}")
        parts += [paragraph for paragraph in (parser.description or "").split("\n\n") if paragraph]
        parts += _sections(parser)
    return "\n\n".join(parts) + "\n"


def commands() -> Mapping[str, Parser]:
    """The parsers by the commands' names."""
    from jobs.benchmark.__main__ import benchmark_parser
    from jobs.evaluate.__main__ import evaluation_parser
    from jobs.report.__main__ import report_parser
    from jobs.runs.__main__ import runs_parser
    from jobs.train.flags import training_parser
    from jobs.tune.__main__ import tuning_parser
    from pipeline.flags import extraction_parser

    makers = (
        extraction_parser,
        report_parser,
        runs_parser,
        training_parser,
        evaluation_parser,
        tuning_parser,
        benchmark_parser,
    )
    return {made.prog: made for made in (make() for make in makers)}


def _sections(parser: argparse.ArgumentParser) -> Iterator[str]:
    for group in parser._action_groups:  # noqa: SLF001 - argparse lists them nowhere else
        flags = [action for action in group._group_actions if action.help != argparse.SUPPRESS]  # noqa: SLF001 - as above
        commands = [flag for flag in flags if isinstance(flag, argparse._SubParsersAction)]  # noqa: SLF001 - as above
        for command in commands:
            for name, own in command.choices.items():
                yield f"### {parser.prog} {name}"
                yield own.description or ""
                yield from _sections(own)
        rows = [_row(flag) for flag in flags if flag not in commands and flag.dest != "help"]
        if rows:
            if group.title and group.title not in ("options", "positional arguments"):
                yield f"**{group.title}**"
            yield table(("flag", "default", ""), rows)
        elif group.description:
            yield group.description


def _row(flag: argparse.Action) -> tuple[str, str, str]:
    metavar = flag.metavar or ("|".join(flag.choices) if flag.choices else "")
    name = ", ".join(flag.option_strings)
    value = "" if flag.nargs == 0 else f" {metavar if isinstance(metavar, str) else metavar[0]}"
    shown = f"`{(name + value).strip()}`"
    if flag.required and flag.option_strings:
        return shown, "required", flag.help or ""
    return shown, _default(flag), (flag.help or "").replace("%%", "%")


def _default(flag: argparse.Action) -> str:
    """The default, where it says something, and the same on every machine."""
    value = flag.default
    is_told = isinstance(value, str | int | float) and value not in ("", False, argparse.SUPPRESS)
    is_place = isinstance(value, str) and value.startswith("/")
    return f"`{value}`" if is_told and flag.option_strings and not is_place else ""
