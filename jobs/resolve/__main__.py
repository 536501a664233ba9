"""Find which names are one thing: `python -m jobs.resolve --output DIR` writes DIR/names."""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from typing import NoReturn

from jobs.resolve.counts import counts_of
from jobs.resolve.decisions import Decision, decide, read_decisions
from jobs.resolve.names import Names, names_of
from jobs.resolve.rules import DECISION, STEPS, Rules, read_rules
from jobs.resolve.steps import join_all
from jobs.resolve.table import names_table
from jobs.resolve.why import explained
from jobs.runs.outputs import Output, find_output, holding, require_publishable
from pipeline.console.arguments import Parser
from pipeline.console.commands import called
from pipeline.console.printing import answer, console, warn
from pipeline.console.process import main
from pipeline.console.text import counted, duration, listed
from pipeline.outputs.current import committed_runs
from pipeline.outputs.layout import names_file
from pipeline.outputs.names import counted_runs, digest_of, write_names
from pipeline.publication.publish import publish_all
from pipeline.publication.targets import remembered_targets
from schemas.errors import UsageError

EXAMPLES = (
    "--output out",
    "--output out --rules names.toml --decisions names.csv",
    'why "Bassani" "E. Bassani" --output out',
)
_SHOWN = 5
_WHY = ("why", "A", "B")


def run(arguments: Sequence[str]) -> int:
    """Write the table of names, or say of two what made them one or two; returns the exit code."""
    flags = resolve_parser().parse(arguments)
    if flags.why and (len(flags.why) != len(_WHY) or flags.why[0] != _WHY[0]):
        raise UsageError(f"{' '.join(map(repr, flags.why))}: expected {' '.join(_WHY)}, or nothing")
    if flags.label is not None and not flags.why:
        raise UsageError("--label goes with why A B alone")
    rules, decisions = read_rules(flags.rules, flags.without), read_decisions(flags.decisions)
    if flags.why:
        _explain(flags, rules, decisions)
        return 0
    flags.dry_run = False
    with holding(flags) as root:
        output = _output(flags)
        require_publishable(root, makes_names=True)
        _resolve(output, rules, decisions)
        publish_all(root, remembered_targets(root))
    return 0


def _output(flags: argparse.Namespace) -> Output:
    output = find_output(flags.output)
    if not committed_runs(output.manifests):
        raise UsageError(f"{output.root} has no committed run yet, so it has no names")
    return output


def _explain(flags: argparse.Namespace, rules: Rules, decisions: Sequence[Decision]) -> None:
    output = _output(flags)
    runs = counted_runs(output.root, output.manifests)
    names = names_of(counts_of(output.root, runs, rules, keeps=False), rules)
    answer("\n".join(explained(names, rules, decisions, (flags.why[1], flags.why[2]), flags.label)))


def _resolve(output: Output, rules: Rules, decisions: Sequence[Decision]) -> None:
    began = time.monotonic()
    runs = counted_runs(output.root, output.manifests)
    names = names_of(counts_of(output.root, runs, rules, keeps=True), rules)
    unused = decide(names, decisions)
    join_all(names, rules)
    table = names_table(names)
    write_names(output.root, table, digest_of(runs))
    if unused:
        lines = listed([str(decision.line) for decision in unused], most=_SHOWN)
        warn(f"--decisions: no two names that count are called as in line {lines}")
    groups = len(table["group"].unique())
    by_rule = Counter(rule for rule in table["rule"].to_pylist() if rule)
    facts = {"names": len(table), "groups": groups, "by_rule": dict(sorted(by_rule.items()))}
    console().account(
        f"{_in_words(names, groups, by_rule)}\n"
        f"written {names_file(output.root)} in {duration(time.monotonic() - began)}\n"
        f"current_entities of {called('jobs.runs')} view has it as the column canonical",
        {"name": "resolved", "level": "info", **facts},
    )


def _in_words(names: Names, groups: int, by_rule: Counter[str]) -> str:
    steps = [step for step in (DECISION, *STEPS) if by_rule[step]]
    joined = ", ".join(f"{step} {by_rule[step]:,}" for step in steps)
    return (
        f"{counted(len(names), 'name')} in {counted(groups, 'group')}"
        f"{f'; joined by {joined}' if joined else ''}"
    )


def resolve_parser() -> Parser:
    """The flags of `jobs.resolve`."""
    parser = Parser(
        prog=called("jobs.resolve"),
        synopsis="[why A B] [--output DIR] [FLAG ...]",
        description="Find which names of an output are one thing, and write its table `names`; or "
        "say why two of them are one, or two.",
        examples=EXAMPLES,
    )
    parser.add_argument("why", nargs="*", metavar="why A B", help="say it of these two names")
    parser.add_argument("--output", default="out", metavar="DIR", help="the output of the runs")
    parser.add_argument(
        "--decisions", metavar="FILE", help="CSV: decision (same, different), a, b, label"
    )
    parser.add_argument("--rules", metavar="FILE", help="TOML: thresholds, and kinds of labels")
    parser.add_argument(
        "--without",
        nargs="+",
        default=[],
        metavar="STEP",
        help=f"leave out: {', '.join(STEPS)}",
    )
    parser.add_argument("--label", metavar="LABEL", help="of why: names with this label alone")
    return parser


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    main(run)


if __name__ == "__main__":
    command()
