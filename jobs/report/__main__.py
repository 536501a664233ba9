"""Make the report of a run again, from its tables: `python -m jobs.report --output DIR`.

Every run writes one, DIR/reports/ID.html. Texts are shown where the run kept them.
"""

import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from jobs.runs.outputs import find_output
from pipeline.console.arguments import Parser
from pipeline.console.commands import called
from pipeline.console.printing import account, warn
from pipeline.console.process import main
from pipeline.filesystems.paths import shown_path
from pipeline.outputs.current import by_age
from pipeline.outputs.storage import run_storage
from pipeline.report.write import write_lasting_report
from schemas.errors import JobError, UsageError
from schemas.manifest import Manifest

EXAMPLES = ("", "--output out --run_id nightly-0412 --open")


def run(arguments: Sequence[str]) -> int:
    """Write the report and print its path; returns the exit code."""
    flags = report_parser().parse(arguments)
    output = find_output(flags.output)
    if flags.run_id:
        (manifest, *others) = output.named([flags.run_id])
        if others:
            first = manifest["run_id"]
            raise UsageError(f"--run_id {flags.run_id} is a job in parts: name one, as {first}")
    else:
        manifest = newest(output.manifests, output.root)
    storage = run_storage(output.root, manifest["run_id"])
    try:
        write_lasting_report(storage, manifest)
    except OSError as error:
        raise JobError(f"{storage.report} cannot be written: {error.strerror or error}") from error
    account(shown_path(storage.report))
    if flags.open:
        _open(storage.report)
    return 0


def newest(manifests: Sequence[Manifest], root: str) -> Manifest:
    """The last run that had something to do; of runs that all had nothing, the last."""
    ordered = by_age(manifests)
    if not ordered:
        raise UsageError(f"--output {root} holds no runs: {called('pipeline.run')} makes some")
    busy = [run for run in ordered if run["status"] != "empty"]
    return (busy or ordered)[-1]


def _open(path: str) -> None:
    """Show a page in the user's browser, where there is one."""
    if "://" in path:
        warn(f"--open opens files on this machine, and {path} is none")
    elif not webbrowser.open(Path(path).as_uri()):
        warn("there is no browser to open it with")


def report_parser() -> Parser:
    """The parser of this command."""
    parser = Parser(prog=called("jobs.report"), description=__doc__, examples=EXAMPLES)
    add = parser.add_argument
    add("--output", default="out", metavar="DIR", help="the output of the run")
    add("--run_id", metavar="ID", help="the run (default: the newest that had something to do)")
    add("--open", action="store_true", help="open it in a browser")
    return parser


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    main(run)


if __name__ == "__main__":
    command()
