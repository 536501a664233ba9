"""The benchmark of lists: real runs over a few documents, with made terms that are in them."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

from jobs.benchmark.gazetteer.made_terms import write_terms
from schemas.records import Document

TEXT = "The Port Authority of Arenhold met Maria Bell. Nobody came."


def test_made_terms_are_distinct_whatever_their_case_and_a_tenth_are_in_the_text(
    tmp_path: Path,
) -> None:
    documents = [Document("d", "s", 0, TEXT)]
    for name in ("a.csv", "b.csv"):
        write_terms(tmp_path / name, 20, documents)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    with (tmp_path / "a.csv").open(newline="") as stream:
        terms = [row["term"] for row in csv.DictReader(stream)]
    assert len({term.casefold() for term in terms}) == 20
    assert [term for term in terms if term in TEXT] == ["The Port Authority", "Maria Bell"]


def test_the_command_measures_each_list_beside_none(tmp_path: Path, tiny_artifact: Path) -> None:
    source, figures = tmp_path / "docs.jsonl", tmp_path / "figures.json"
    source.write_text((json.dumps({"text": TEXT}) + "\n") * 5)
    command = [sys.executable, "-m", "jobs.benchmark.gazetteer", "--terms=20", "--repeats=1"]
    done = subprocess.run(
        [*command, f"--json={figures}", f"--input={source}", f"--model={tiny_artifact}"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    none, listed = json.loads(figures.read_text())
    assert (none["terms"], none["ratio"], none["found"]) == (0, 1.0, 0)
    assert listed["terms"] == 20
    assert listed["seconds"] > 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["0", "20"]
