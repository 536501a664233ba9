"""Labels of a spaCy pipeline: JSON lines with a text in, the same with its entities out.

python spacy_labels.py en_core_web_sm texts.jsonl silver.jsonl
"""

import json
import sys
from pathlib import Path

import spacy


def main(name: str, texts: str, silver: str) -> None:
    """Label each text of a file; the pipeline is one that `spacy.load` finds."""
    nlp = spacy.load(name)
    with (
        Path(texts).open(encoding="utf-8") as read,
        Path(silver).open("w", encoding="utf-8") as written,
    ):
        records = map(json.loads, read)
        pairs = ((record["text"], record) for record in records)
        for doc, record in nlp.pipe(pairs, as_tuples=True, batch_size=64):
            entities = [
                {"start": each.start_char, "end": each.end_char, "label": each.label_}
                for each in doc.ents
            ]
            line = json.dumps({**record, "entities": entities}, ensure_ascii=False)
            written.write(f"{line}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
