"""Compare the entities of two runs over the same documents."""

import argparse

from jobs.runs.diff.comparison import Comparison, Example, LabelChange, compare
from jobs.runs.layout import as_json
from jobs.runs.outputs import find_output
from jobs.runs.state import status_in_words
from pipeline.console.printing import answer
from pipeline.console.text import aligned, counted
from schemas.errors import UsageError

_COLUMNS = (
    *("label", "A", "B", "both", "lost", "gained", "moved away", "moved here"),
    *("confidence A", "B"),
)
_MOVES_SHOWN = 8


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the two runs, `--examples` and `--json`."""
    for name, which in (("before", "A"), ("after", "B")):
        parser.add_argument(name, metavar=which, help="a run's id, or that of a job in parts")
    parser.add_argument(
        "--examples",
        type=int,
        default=0,
        metavar="N",
        help="show the N most confident entities that were lost, gained or moved",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(flags: argparse.Namespace) -> int:
    """Print what B found otherwise than A."""
    if flags.examples < 0:
        raise UsageError(f"--examples is {flags.examples}, expected at least 0")
    output = find_output(flags.output)
    before, after = output.named([flags.before]), output.named([flags.after])
    for manifest in (*before, *after):
        if manifest["status"] != "committed":
            status = status_in_words(manifest)
            raise UsageError(f"run {manifest['run_id']} is {status}: it has no entities")
    comparison = compare(output, before, after, flags.examples)
    if flags.json:
        answer(as_json(comparison.to_json()))
        return 0
    lines = []
    for side, name, runs in (("A", flags.before, before), ("B", flags.after, after)):
        models = ", ".join(sorted({manifest["model"] for manifest in runs}))
        lines.append(f"{side}  {name}, model {models}")
    answer("\n".join([*lines, *_lines(comparison)]))
    return 0


def _lines(found: Comparison) -> list[str]:
    documents = counted(found.documents, "document")
    only = f"{found.only_before:,} only in A, {found.only_after:,} only in B"
    lines = [f"{documents} in both, {only}"]
    if found.ambiguous:
        lines.append(
            f"{counted(found.ambiguous, 'id')} left out, which several documents of a file share"
        )
    if not found.documents:
        return [
            *lines,
            "no document has the same source and id in both: there is nothing to compare",
        ]
    lines.append("")
    lines += aligned([_COLUMNS, *map(_cells, [*found.labels, found.total])])
    if found.moves:
        shown = [f"{a} to {b} {count:,}" for (a, b), count in found.moves[:_MOVES_SHOWN]]
        more = len(found.moves) - len(shown)
        lines += ["", f"moved: {', '.join(shown)}" + (f" and {more} more" if more else "")]
    for kind, examples in found.examples.items():
        if examples:
            lines += ["", kind, *aligned([_example(one) for one in examples], names=range(4))]
    return lines


def _cells(label: LabelChange) -> tuple[str, ...]:
    counts = (
        *(label.before, label.after, label.both, label.lost, label.gained),
        *(label.moved_away, label.moved_here),
    )
    means = (label.confidence_before, label.confidence_after)
    return (
        label.label,
        *(f"{count:,}" for count in counts),
        *("-" if mean is None else f"{mean:.3f}" for mean in means),
    )


def _example(one: Example) -> tuple[str, ...]:
    return (
        f"  {one.label}",
        "-" if one.confidence is None else f"{one.confidence:.3f}",
        repr(one.text),
        f"{one.doc_id} {one.start}-{one.end}",
    )
