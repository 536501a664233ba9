"""Labels of a Hugging Face token classifier: JSON lines with a text in, with its entities out.

python hugging_face_labels.py dslim/bert-base-NER texts.jsonl silver.jsonl
"""

import json
import sys
from pathlib import Path

from transformers import pipeline


def main(name: str, texts: str, silver: str) -> None:
    """Label each text of a file; the model is one of the hub, or a folder."""
    # "first": no entity begins or ends within a word. With a stride, long texts are read whole.
    classify = pipeline("token-classification", model=name, aggregation_strategy="first", stride=64)
    with (
        Path(texts).open(encoding="utf-8") as read,
        Path(silver).open("w", encoding="utf-8") as written,
    ):
        for record in map(json.loads, read):
            entities = [
                {
                    "start": int(each["start"]),
                    "end": int(each["end"]),
                    "label": each["entity_group"],
                    "score": float(each["score"]),
                }
                for each in classify(record["text"])
            ]
            line = json.dumps({**record, "entities": entities}, ensure_ascii=False)
            written.write(f"{line}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
