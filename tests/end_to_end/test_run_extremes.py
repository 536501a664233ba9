"""Inputs at the edge finish, in bounded memory, with every record accounted for."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform != "linux", reason="reads the system's account of memory"),
]


# In between, since a process inherits the peak of the one that starts it: pytest's may be larger.
_MEASURE = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def extract(corpus: Path, model: Path, output: Path, *flags: str) -> tuple[dict[str, Any], float]:
    """Run the command; returns its manifest and the peak memory of its largest process in MB."""
    command = [sys.executable, "-m", "pipeline.run", f"--input={corpus}", f"--model={model}"]
    command += [f"--output={output}", "--run_id=r1", *flags]
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURE, *command], stdout=subprocess.PIPE, check=True
    )
    code, peak = measured.stdout.split()
    assert code == b"0"
    return json.loads((output / "runs" / "r1.json").read_text()), int(peak) / 1024


def test_a_document_of_20_mb_without_a_sentence_end(tmp_path: Path, tiny_artifact: Path) -> None:
    corpus = tmp_path / "in.jsonl"
    words = "the mayor of Lisbon and Maria of the river council met on Monday in the harbour "
    text = words * (20_000_000 // len(words))
    corpus.write_text(json.dumps({"id": "long", "text": text}) + "\n")
    manifest, peak = extract(corpus, tiny_artifact, tmp_path / "out")
    assert manifest["counts"]["documents"] == 1
    assert manifest["counts"]["tokens"] == len(text.split())
    assert manifest["counts"]["sentences"] >= len(text.split()) // 4096
    assert peak < 2000, peak


@pytest.mark.parametrize("name", ["jsonl", "lines"])
def test_a_line_of_50_mb_is_one_document(name: str, tmp_path: Path, tiny_artifact: Path) -> None:
    """The default of `--max_record_mb` lets it through; a line above that costs next to nothing."""
    folder = tmp_path / "in"
    folder.mkdir()
    words = (
        "The mayor of Lisbon and Maria met the council on Monday. Was the river in the harbour? "
    )
    text = words * (50_000_000 // len(words))
    start, end = (b'{"text": "', b'"}\n') if name == "jsonl" else (b"", b"\n")
    (folder / "a.txt").write_bytes(start + text.encode() + end + start + b"Maria" + end)
    (folder / "b.txt").write_bytes(start + b"x" * 500_000_000 + end + start + b"Lisbon" + end)
    flags = [f"--input_format={name}", "--max_dead_letters=1"]
    manifest, peak = extract(folder, tiny_artifact, tmp_path / "out", *flags)
    inputs = [(entry["documents"], entry["dead_letters"]) for entry in manifest["inputs"]]
    assert inputs == [(2, 0), (1, 1)]
    assert manifest["counts"]["characters"] == len(text) + len("Maria") + len("Lisbon")
    assert manifest["counts"]["broken_files"] == 0
    assert peak < 3500, peak


def test_a_million_empty_documents(tmp_path: Path, tiny_artifact: Path) -> None:
    corpus = tmp_path / "in.jsonl"
    with corpus.open("w") as stream:
        stream.writelines(f'{{"id": "{n}", "text": ""}}\n' for n in range(1_000_000))
    manifest, peak = extract(corpus, tiny_artifact, tmp_path / "out")
    assert manifest["counts"]["records"] == manifest["counts"]["documents"] == 1_000_000
    assert manifest["counts"]["tokens"] == manifest["counts"]["dead_letters"] == 0
    assert peak < 1200, peak
