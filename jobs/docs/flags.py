"""The flags of every command, from its parser."""

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence

from jobs.docs.markdown import table
from pipeline.console.arguments import Parser
from pipeline.console.commands import COMMANDS

_HEAD = """# Flags

Flags are spelled with underscores, and in full. If you mistype one, the nearest is suggested. Of a
flag that is given twice, lists add up (`--input a --input b c`); where it takes one value, that is
an error.
`--help` of each command says the same as this page. Every command takes `--version`, and
`--log_format json` ([what it says](../how-to/schedule.md#what-the-log-says))."""

_EVERYWHERE = ("help", "version", "log_format")


def flags_page() -> str:
    """The page in Markdown: a section for each command, with a table for each group of flags."""
    names = [(f"`gleaner {n}`", f"`python -m {c.module}`", c.text) for n, c in COMMANDS.items()]
    parts = [_HEAD, table(("installed", "anywhere", ""), names)]
    for name, parser in commands().items():
        parts.append(f"## {name}")
        parts += [paragraph for paragraph in (parser.description or "").split("\n\n") if paragraph]
        parts += _sections(parser)
    return "\n\n".join(parts) + "\n"


def commands() -> Mapping[str, Parser]:
    """The parsers by the commands' names."""
    from jobs.benchmark.__main__ import benchmark_parser
    from jobs.benchmark.baselines.__main__ import baselines_parser
    from jobs.benchmark.gazetteer.__main__ import gazetteer_parser
    from jobs.benchmark.publishing.__main__ import publishing_parser
    from jobs.evaluate.__main__ import evaluation_parser
    from jobs.label.__main__ import label_parser
    from jobs.publish.__main__ import publish_parser
    from jobs.report.__main__ import report_parser
    from jobs.resolve.__main__ import resolve_parser
    from jobs.runs.__main__ import runs_parser
    from jobs.train.flags import training_parser
    from jobs.tune.__main__ import tuning_parser
    from pipeline.configuration.extraction import extraction_parser

    makers = (
        extraction_parser,
        report_parser,
        runs_parser,
        resolve_parser,
        publish_parser,
        training_parser,
        evaluation_parser,
        tuning_parser,
        label_parser,
        benchmark_parser,
        baselines_parser,
        gazetteer_parser,
        publishing_parser,
    )
    return {made.prog: made for made in (make() for make in makers)}


def _sections(parser: argparse.ArgumentParser) -> Iterator[str]:
    unnamed = [row for group in parser._action_groups[:2] for row in _rows(group)]  # noqa: SLF001 - argparse lists them nowhere else
    if unnamed:
        yield _table(unnamed)
    for group in parser._action_groups[2:]:  # noqa: SLF001 - as above
        rows = _rows(group)
        if rows or group.description:
            yield f"**{group.title}**"
            yield group.description or _table(rows)
    for action in parser._actions:  # noqa: SLF001 - as above
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - public by no other name
            for name, command in action.choices.items():
                yield f"### {parser.prog} {name}"
                yield command.description or ""
                yield from _sections(command)


def _rows(group: argparse._ArgumentGroup) -> list[Sequence[str]]:
    return [
        _row(flag)
        for flag in group._group_actions  # noqa: SLF001 - argparse lists them nowhere else
        if not isinstance(flag, argparse._SubParsersAction)  # noqa: SLF001 - public by no other name
        and flag.dest not in _EVERYWHERE
    ]


def _table(rows: Sequence[Sequence[str]]) -> str:
    return table(("flag", "default", ""), rows)


def _row(flag: argparse.Action) -> Sequence[str]:
    metavar = flag.metavar or ("|".join(flag.choices) if flag.choices else "")
    value = "" if flag.nargs == 0 else f" {metavar if isinstance(metavar, str) else metavar[0]}"
    shown = f"`{(', '.join(flag.option_strings) + value).strip()}`"
    told = re.sub(r" \(default: ([^()]|%\(default\)s)*\)$", "", flag.help or "")
    return shown, _default(flag), told.replace("%%", "%")


def _default(flag: argparse.Action) -> str:
    """The default where it says something, as the help has it or as the parser takes it."""
    if flag.required or not flag.option_strings:
        return "required" if flag.required and flag.option_strings else ""
    told = re.search(r" \(default: ([^%)]+)\)$", flag.help or "")
    if told:
        return told.group(1)
    value = flag.default
    if value is True or value is False or not isinstance(value, str | int | float):
        return ""
    # A place of this machine is no other's.
    return f"`{value}`" if value not in ("", argparse.SUPPRESS) and str(value)[0] != "/" else ""
