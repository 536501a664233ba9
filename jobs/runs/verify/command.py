"""Check the files: checksums, counts, offsets, strays, published tables."""

import argparse
from collections import Counter
from collections.abc import Iterator

from jobs.runs.outputs import Output, find_output
from jobs.runs.verify.findings import Checked, Finding
from jobs.runs.verify.output import duplicate_ids, leftovers, outdated_names, unnamed_files
from jobs.runs.verify.published import published_problems
from jobs.runs.verify.run import verify_run
from pipeline.console.printing import answer
from pipeline.console.text import counted
from pipeline.outputs.catalog import read_manifests


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the runs."""
    parser.add_argument("runs", metavar="RUN", nargs="*", help="these runs alone (default: all)")


def run(flags: argparse.Namespace) -> int:
    """Print each problem as it is found, and a summary; 1 where something is wrong."""
    output = find_output(flags.output)
    kinds: Counter[str] = Counter()
    checked = Checked()
    for finding in _findings(output, flags.runs, checked):
        kinds[finding.kind] += 1
        answer(f"{finding.kind}: {finding.text}".replace("\n", "\\n"))
        if finding.query:
            answer(f"    {finding.query}")
    answer(_summary(checked, kinds))
    return 1 if kinds["error"] else 0


def _findings(output: "Output", names: list[str], checked: Checked) -> Iterator[Finding]:
    for manifest in output.named(names) if names else output.manifests:
        found = list(verify_run(output, manifest, checked))
        if found and manifest not in read_manifests(output.root):
            name = manifest["run_id"]
            found = [Finding("remark", f"run {name} was changed or removed while it was checked")]
        yield from found
    if not names:
        yield from unnamed_files(output)
        yield from leftovers(output)
        yield from published_problems(output)
        yield from duplicate_ids(output)
        yield from outdated_names(output)


def _summary(checked: Checked, kinds: Counter[str]) -> str:
    found = ", ".join(counted(count, kind) for kind, count in sorted(kinds.items()))
    return (
        f"checked {counted(checked.runs, 'run')}: {counted(checked.files, 'file')}, "
        f"{checked.bytes / 1e6:,.2f} MB, {counted(checked.rows, 'row')}, "
        f"{counted(checked.texts, 'text')} of {counted(checked.entities, 'entity')} "
        f"compared with their document; {found or 'nothing is wrong'}"
    )
