"""Labels of GLiNER, which finds whatever it is given names of: JSON lines in, with entities out.

python gliner_labels.py urchade/gliner_small-v2.1 "person,city,ship" texts.jsonl silver.jsonl
"""

import json
import sys
from pathlib import Path

from gliner import GLiNER

# Doubtful finds are written too: their score says how doubtful, and training goes by it.
THRESHOLD = 0.3


def main(name: str, labels: str, texts: str, silver: str) -> None:
    """Label each text of a file, of some sentences at most: it does not read beyond 384 words."""
    model = GLiNER.from_pretrained(name)
    with (
        Path(texts).open(encoding="utf-8") as read,
        Path(silver).open("w", encoding="utf-8") as written,
    ):
        for record in map(json.loads, read):
            found = model.predict_entities(record["text"], labels.split(","), threshold=THRESHOLD)
            entities = [
                {key: each[key] for key in ("start", "end", "label", "text", "score")}
                for each in found
            ]
            line = json.dumps({**record, "entities": entities}, ensure_ascii=False)
            written.write(f"{line}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
