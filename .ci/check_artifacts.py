"""Trains with each Python and reads that model with all: `check_artifacts.py PYTHON PYTHON ...`.

Each is an interpreter that has gleaner and its extra `train`. A model must find the same entities
with each of them, and a Python that trains twice with one seed must give the same weights.
"""

import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.dataset as ds

_PEOPLE = ("Maria Costa", "Ada Bright", "Tomas Lind", "Ines Rocha", "Otto Falk", "Clara Moor")
_TOWNS = ("Porto", "Bergen", "Lisbon", "Hull", "Gent", "Turku", "Vigo")
_SENTENCES = (
    "{person} sailed from {town} on Monday .",
    "The council of {town} thanked {person} .",
    "In {town} it rained , and nobody came .",
    "Ask {person} for the key .",
)
_LEAST_F1 = 0.9
_FLAGS = ("--epochs", "4", "--batch_size", "4", "--learning_rate", "0.01", "--units", "16")

Entities = list[tuple[str, int, int, str]]


def main() -> int:
    """Exit code 0 if each model is good and all Pythons agree on it, else 1."""
    pythons = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _write_data(folder)
        problems = []
        for n, python in enumerate(pythons):
            model = _trained(python, folder, f"model-{n}")
            again = _trained(python, folder, f"again-{n}")
            if _weights(model) != _weights(again):
                problems.append(f"{python} gives other weights for the same seed")
            scores = json.loads((model / "metrics.json").read_text())["scores"]
            f1 = next(iter(scores.values()))["micro"]["f1"]
            if f1 < _LEAST_F1:
                problems.append(f"{python} trains a model with F1 {f1:.3f}")
            first, *others = (
                _entities(reader, model, folder / f"output-{n}-{m}")
                for m, reader in enumerate(pythons)
            )
            if not first or any(other != first for other in others):
                problems.append(f"{python} trains a model that finds other entities elsewhere")
            print(f"check_artifacts: {python}: F1 {f1:.3f}, {len(first)} entities")
    for problem in problems:
        print(f"check_artifacts: {problem}", file=sys.stderr)
    return int(bool(problems))


def _write_data(folder: Path) -> None:
    rows, documents = [], []
    for n, parts in enumerate(itertools.product(_PEOPLE, _TOWNS, _SENTENCES)):
        person, town, sentence = parts
        labels = {"{person}": (person.split(), "per"), "{town}": ([town], "geo")}
        for token in sentence.split():
            words, label = labels.get(token, ([token], ""))
            for position, word in enumerate(words):
                rows.append(f"{word} {'BI'[position > 0]}-{label}" if label else f"{word} O")
        rows.append("")
        text = sentence.format(person=person, town=town)
        documents.append(json.dumps({"id": str(n), "text": text}))
    (folder / "train.conll").write_text("\n".join(rows))
    (folder / "documents.jsonl").write_text("\n".join(documents))


def _trained(python: str, folder: Path, name: str) -> Path:
    output = folder / name
    _run(python, "jobs.train", "--train", folder / "train.conll", "--output", output, *_FLAGS)
    return output


def _weights(model: Path) -> bytes:
    return (model / "weights.safetensors").read_bytes()


def _entities(python: str, model: Path, output: Path) -> Entities:
    documents = model.parent / "documents.jsonl"
    flags = ("--model", model, "--input", documents, "--output", output)
    _run(python, "pipeline.run", "--runner=DirectRunner", *flags)
    table = ds.dataset(sorted(map(str, output.glob("entities/**/*.parquet")))).to_table()
    columns = ("doc_id", "start_char", "end_char", "label")
    return sorted(zip(*(table[name].to_pylist() for name in columns), strict=True))


def _run(python: str, module: str, *flags: str | Path) -> None:
    command = [python, "-m", module, *map(str, flags)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout, done.stderr, file=sys.stderr)
        raise SystemExit(f"check_artifacts: {python} -m {module} ended with {done.returncode}")


if __name__ == "__main__":
    raise SystemExit(main())
