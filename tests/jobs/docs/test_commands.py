"""Every command of the README and of the tutorial runs as it stands there, in a clean clone."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from jobs.docs.flags import commands
from pipeline.configuration.extraction import parse_extraction

ROOT = Path(__file__).resolve().parents[3]
TUTORIAL = "jobs/docs/pages/tutorial.md"
# One short training in the place of a cross-validation; `make run` is what the README's test runs.
SHORTER = {
    "make run\n": "",
    "--output models/ships\n": "--output models/ships --validation_split 0.1 --epochs 8\n",
}

Commands = Mapping[str, list[str]]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with what is not committed yet; its environment, made already, is this one."""
    if not (ROOT / ".git").exists():
        pytest.skip("not in a checkout")
    clone = tmp_path / "gleaner"
    git = shutil.which("git") or "git"
    subprocess.run([git, "clone", "--quiet", ROOT, clone], check=True)
    changed = [git, "ls-files", "--modified", "--others", "--exclude-standard"]
    listed = subprocess.run(changed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
    (clone / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    (clone / ".ci/environment").write_text("#!/bin/sh\n")  # it would make this one the clone's
    return clone


def run_as_written(blocks: list[str], clone: Path, seconds: int = 280) -> str:
    """What is said where the blocks run one after the other in a shell that stops at an error."""
    script = "\n".join(["set -eu", *blocks])
    environment = {"PATH": os.environ["PATH"], "HOME": str(clone.parent), "BROWSER": "true"}
    # The environment's scripts are where they were made, so the clone's code comes first by name.
    environment["PYTHONPATH"] = str(clone)
    done = subprocess.run(
        ["bash", "-c", script],  # noqa: S607 - the first one on the PATH will do
        cwd=clone,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def require_rows_of(page: str, output: Path) -> None:
    """The first table of entities that a page shows has rows of this output."""
    shown = re.findall(
        r"^\| ([\w-]+) \| (\d+) \| (\d+) \| (.+?) \| (\w+) (?:\| ([\d.]+) )?\|$",
        (ROOT / page).read_text(),
        re.MULTILINE,
    )
    assert len(shown) > 1
    columns = "doc_id, start_char, end_char, text, label, confidence"
    files = f"{output}/entities/*/*.parquet"
    rows = duckdb.execute(f"SELECT {columns} FROM '{files}'").fetchall()  # noqa: S608 - a path of our own
    found = {tuple(map(str, row[:5])): row[5] for row in rows}
    for *row, confidence in shown:
        told = found[tuple(row)]
        assert float(confidence or told) == pytest.approx(told, abs=0.001)


def test_the_readme_does_what_it_says(shell_blocks: Commands, clone: Path) -> None:
    blocks = [block for block in shell_blocks["README.md"] if not block.startswith("make test")]
    assert len(blocks) == len(shell_blocks["README.md"]) - 1  # those that would run this test
    said = run_as_written(blocks, clone)
    assert "committed" in said
    assert "mentions" in said  # the query's answer
    assert list(clone.glob("out/reports/*.html"))
    require_rows_of("README.md", clone / "out")


@pytest.mark.training
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="as written", marks=pytest.mark.slow),
        pytest.param(SHORTER, id="with a shorter training"),
    ],
)
def test_the_tutorial_does_what_it_says(
    shell_blocks: Commands, clone: Path, changes: Mapping[str, str]
) -> None:
    blocks = shell_blocks[TUTORIAL]
    for written, shorter in changes.items():
        assert sum(block.count(written) for block in blocks) == 1
        blocks = [block.replace(written, shorter) for block in blocks]
    said = run_as_written(blocks, clone)
    assert re.search(r"Bergen +│ Grey Heron", said), said  # the query's first voyage
    assert " empty " in said  # the second run had nothing to do
    require_rows_of(TUTORIAL, clone / "tutorial/out")


@pytest.mark.slow
@pytest.mark.training
@pytest.mark.timeout(1800)
def test_four_rounds_give_what_the_page_says(shell_blocks: Commands, clone: Path) -> None:
    """The F1 of each round on what was kept aside, and at last on notes, to about three points."""
    page = "jobs/docs/pages/rounds.md"
    blocks = [block.replace("make run\n", "") for block in shell_blocks[page]]
    said = run_as_written(blocks, clone, 1700)
    table = re.compile(r"^\| \d \| .* \| ([\d.]+) \| ([\d.]+) \|$", re.MULTILINE)
    rows = table.findall((ROOT / page).read_text())
    expected = [float(kept_aside) for kept_aside, _ in rows] + [float(rows[-1][1])]
    scores = re.compile(r"(?ms)^\d@[^\n]* on \w+\.jsonl .*?^micro +\S+ +\S+ +(\S+)")
    assert [float(f1) for f1 in scores.findall(said)] == pytest.approx(expected, abs=0.035)


def test_the_page_on_labelling_does_what_it_says(shell_blocks: Commands, clone: Path) -> None:
    blocks = shell_blocks["jobs/docs/pages/how-to/label.md"]
    said = run_as_written([". .venv/bin/activate", *blocks], clone)
    assert said.count("20 sentences of ") == 2
    assert "20 of these were left as shown" in said
    assert "20 documents" in said  # what training read


def test_the_page_on_lists_does_what_it_says(shell_blocks: Commands, clone: Path) -> None:
    """With the rows that it shows."""
    page = "jobs/docs/pages/how-to/gazetteer.md"
    said = run_as_written([". .venv/bin/activate", *shell_blocks[page]], clone)
    text = (ROOT / page).read_text()
    [account] = re.findall(r"^  lists .*$", text, re.MULTILINE)
    assert account in said
    assert "1 sentence of 1 file to label" in said
    query, table = re.findall(r"```sql\n(.*?)```\n\n((?:\|[^\n]*\n)+)", text, re.DOTALL)[0]
    shown = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    rows = duckdb.execute(query.replace("lists/out", f"{clone}/lists/out")).fetchall()
    assert [[*row[:2], *row[3:]] for row in shown] == [
        ["" if value is None else value for value in (*row[:2], *row[3:])] for row in rows
    ]
    for (*_, told, _origin, _id), row in zip(shown, rows, strict=True):
        assert (float(told) if told else None) == (row[2] and pytest.approx(row[2], abs=0.011))


def test_the_page_on_names_does_what_it_says(shell_blocks: Commands, clone: Path) -> None:
    """With the rows that it shows, and the reasons."""
    page = "jobs/docs/pages/how-to/names.md"
    blocks = [block for block in shell_blocks[page] if "names/out" in block]
    said = run_as_written([". .venv/bin/activate", *blocks], clone)
    text = (ROOT / page).read_text()
    query, table = re.findall(
        r"```sql\n(SELECT surface.*?)```\n\n((?:\|[^\n]*\n)+)", text, re.DOTALL
    )[0]
    shown = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    rows = duckdb.execute(query.replace("names/out/", f"{clone}/names/out/")).fetchall()
    assert shown == [[str(value) for value in row] for row in rows]
    [reasons] = re.findall(r"```text\n('.*?)```", text, re.DOTALL)
    assert said.endswith(reasons)


def test_targets_for_contributors_exist(shell_blocks: Commands) -> None:
    (block,) = (block for block in shell_blocks["README.md"] if block.startswith("make test"))
    for line in block.splitlines():
        command = [*shlex.split(line, comments=True), "--dry-run"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def test_the_command_lines_of_all_pages_are_understood(shell_blocks: Commands) -> None:
    """Flags, values and subcommands, also where their files are not there."""
    parsers, found = commands(), set()
    for block in (block for blocks in shell_blocks.values() for block in blocks):
        for line in block.replace("\\\n", " ").splitlines():
            if not line.startswith("python -m "):
                continue
            _, _, module, *arguments = shlex.split(line, comments=True)
            found.add(module)
            if module == "pipeline.run":
                parse_extraction(arguments)
            elif module in ("jobs.benchmark", "jobs.tune"):  # they take the flags of others too
                parsers[f"python -m {module}"].parse_known_args(arguments)
            elif module != "jobs.benchmark.scale":
                parsers[f"python -m {module}"].parse(arguments)
    assert found > {f"jobs.{job}" for job in ("benchmark", "evaluate", "report", "runs", "train")}
