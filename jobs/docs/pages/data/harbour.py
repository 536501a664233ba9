"""Stands in for the person of the page on four rounds: it knows the labels of ships.csv.

python harbour.py split ships.csv corpus.jsonl held_out.jsonl
python harbour.py answer ships.csv tasks.jsonl answers.jsonl
"""

import csv
import json
import sys
from collections.abc import Iterator
from itertools import accumulate, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

HELD_OUT = 120  # of the 420 sentences


def main(command: str, labelled: str, first: str, second: str) -> None:
    """Split the labelled sentences into texts and a test, or answer tasks by them."""
    documents = list(sentences(Path(labelled)))
    if command == "split":
        write(first, [{"id": each["id"], "text": each["text"]} for each in documents[HELD_OUT:]])
        write(second, documents[:HELD_OUT])
    elif command == "answer":
        entities = {each["text"]: each["entities"] for each in documents}
        tasks = map(json.loads, Path(first).read_text(encoding="utf-8").splitlines())
        write(second, [{**task, "entities": entities[task["text"]]} for task in tasks])


def sentences(file: Path) -> Iterator[dict[str, Any]]:
    """The sentences of a Kaggle CSV as documents with spans."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [(bool(row["Sentence #"]), row["Word"], row["Tag"]) for row in csv.DictReader(lines)]
    numbers = accumulate(int(is_first) for is_first, _, _ in rows)
    numbered = [(number, *row[1:]) for number, row in zip(numbers, rows, strict=True)]
    for number, words in groupby(numbered, key=itemgetter(0)):
        text, entities = "", []
        for _, word, tag in words:
            start = len(text) + bool(text)
            text = f"{text} {word}" if text else word
            if tag.startswith("B-"):
                entities.append({"start": start, "end": len(text), "label": tag[2:]})
            elif tag.startswith("I-"):
                entities[-1]["end"] = len(text)
        yield {"id": f"ship-{number}", "text": text, "entities": entities}


def write(file: str, records: list[dict[str, Any]]) -> None:
    """Write JSON lines."""
    lines = (json.dumps(record, ensure_ascii=False) for record in records)
    Path(file).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
