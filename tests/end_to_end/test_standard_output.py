"""Where standard output takes nothing, what was done stays done, and what was asked for fails."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from jobs.runs.__main__ import COMMANDS
from pipeline.run import run as extract

FULL = "standard output cannot be written to: No space left on device"
DONE = f"{FULL}: what was done is done, and what there is to say of it is lost"


def done(command: Sequence[str], redirection: str) -> subprocess.CompletedProcess[str]:
    """A command of ours, `redirection` as bash has it."""
    line = f'"$@" {redirection}'
    return subprocess.run(
        ["/bin/bash", "-c", line, "bash", sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, kept_taggers: None) -> Path:
    """A folder with documents, and an output with two runs: the second superseded the first."""
    folder = tmp_path_factory.mktemp("made")
    names = ("oak", "elm", "ash")
    lines = [f'{{"id": "{n}", "text": "Ana met {n} in Oslo."}}\n' for n in names]
    (folder / "docs.jsonl").write_text("".join(lines))
    for run_id in ("r1", "r2"):
        flags = [f"--input={folder}/docs.jsonl", f"--output={folder}/out", f"--run_id={run_id}"]
        assert extract(flags) == 0
    return folder


@pytest.fixture
def documents(made: Path) -> Path:
    return made / "docs.jsonl"


@pytest.fixture
def output(made: Path, tmp_path: Path) -> Path:
    """A copy of the output."""
    return Path(shutil.copytree(made / "out", tmp_path / "out"))


def statuses(output: Path) -> dict[str, str]:
    manifests = [json.loads(path.read_text()) for path in output.glob("runs/*.json")]
    return {manifest["run_id"]: manifest["status"] for manifest in manifests}


def ids(output: Path) -> set[str]:
    rows = ds.dataset(output / "documents", partitioning="hive").to_table(columns=["doc_id"])
    return set(rows["doc_id"].to_pylist())


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_run_is_committed_whoever_reads_of_it(
    documents: Path, tmp_path: Path, log_format: str
) -> None:
    out = tmp_path / "out"
    command = ["pipeline.run", f"--input={documents}", f"--output={out}", "--run_id=r1"]
    found = done([*command, f"--log_format={log_format}"], ">/dev/full")
    assert found.returncode == 0
    (line,) = [line for line in found.stderr.splitlines() if '"progress"' not in line]
    assert DONE in line
    assert line.startswith("warning: " if log_format == "text" else "{")
    assert statuses(out) == {"r1": "committed"}
    assert ids(out) == {"oak", "elm", "ash"}


# What changes an output, what follows its name, and the statuses of the runs behind it.
CHANGES = {
    "forget": (["--doc_id=oak"], {"r1": "committed", "r2": "committed"}),
    "rollback": (["r2"], {"r1": "committed", "r2": "rolled_back"}),
    "expire": (["--older_than=0"], {"r2": "committed"}),
    "clean": ([], {"r1": "committed", "r2": "committed"}),
    "view": ([], {"r1": "committed", "r2": "committed"}),
}
ANSWERS = {
    "list": [],
    "show": ["r1"],
    "verify": [],
    "diff": ["r1", "r2"],
    "list --json": [],
    "forget --dry_run": ["--doc_id=oak"],
    "rollback --dry_run": ["r2"],
    "expire --dry_run": ["--older_than=0"],
    "compact --dry_run": [],
    "--help": [],
    "list --help": [],
    "--version": [],
}


@pytest.mark.parametrize("redirection", [">/dev/full", "> >(:)"])
@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_stays_changed(output: Path, name: str, redirection: str) -> None:
    """A full disk is told of once, however much there is to say; a reader that left is not."""
    arguments, expected = CHANGES[name]
    found = done(["jobs.runs", name, f"--output={output}", *arguments], redirection)
    assert found.returncode == 0
    assert found.stderr == (f"warning: {DONE}\n" if "full" in redirection else "")
    assert statuses(output) == expected
    assert ("oak" in ids(output)) is (name != "forget")
    assert (output / "current.sql").exists() is (name == "view")


def test_what_was_merged_stays_merged(output: Path, documents: Path) -> None:
    other = output.with_name("more.jsonl")
    other.write_text(documents.read_text().replace("Oslo", "Lima"))
    assert extract([f"--input={other}", f"--output={output}", "--run_id=r3"]) == 0
    found = done(["jobs.runs", "compact", f"--output={output}"], ">/dev/full")
    assert (found.returncode, found.stderr) == (0, f"warning: {DONE}\n")
    assert len(statuses(output)) == 1


@pytest.mark.parametrize("name", ANSWERS)
def test_what_was_asked_for_and_printed_nowhere_is_a_failure(output: Path, name: str) -> None:
    where = [] if "-" in name and name[0] == "-" else [f"--output={output}"]
    command = ["jobs.runs", *name.split(), *where, *ANSWERS[name]]
    found = done(command, ">/dev/full")
    assert (found.returncode, found.stderr) == (1, f"error: {FULL}\n")
    assert done(command, "> >(:)").stderr == ""
    assert statuses(output) == {"r1": "committed", "r2": "committed"}


def test_every_command_of_runs_is_tried() -> None:
    tried = {name.split()[0] for name in ANSWERS if name[0] != "-"} | set(CHANGES)
    assert tried == set(COMMANDS)


def test_an_evaluation_that_nobody_can_read_has_written_its_files(tmp_path: Path) -> None:
    gold, page = tmp_path / "gold.conll", tmp_path / "page.html"
    gold.write_text("Maria\tB-per\nleft\tO\nLisbon\tB-geo\n.\tO\n")
    command = ["jobs.evaluate", "--model=gmb-en", f"--data={gold}", f"--html={page}"]
    found = done(command, ">/dev/full")
    assert (found.returncode, found.stderr) == (1, f"error: {FULL}\n")
    assert "<h2>Strict scores</h2>" in page.read_text()


def test_characters_that_standard_output_cannot_show_fail_nothing(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log in ASCII: what the run says is escaped, not a traceback after the commit."""
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    place = tmp_path / "österreich"
    flags = [f"--input={documents}", f"--output={place}", "--run_id=r1"]
    found = done(["pipeline.run", *flags], "")
    assert (found.returncode, found.stderr) == (0, "")
    assert "\\xf6sterreich" in found.stdout
    assert statuses(place) == {"r1": "committed"}
