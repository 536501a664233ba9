"""Labels of a language model that answers with JSON: JSON lines with a text in, with entities out.

OPENAI_BASE_URL=http://localhost:8000/v1 python llm_labels.py MODEL "per,geo" texts.jsonl out.jsonl
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ASKED = """List the named entities of the text between the lines of dashes.
Labels: {labels}.
Answer with JSON alone: {{"entities": [{{"text": "...", "label": "..."}}]}}.
Copy each text letter by letter as it stands there, and list it once.
---
{text}
---"""


def main(model: str, labels: str, texts: str, silver: str) -> None:
    """Ask for each text of a file; what is no answer is left out, and named at the end."""
    from openai import OpenAI

    client = OpenAI()
    with (
        Path(texts).open(encoding="utf-8") as read,
        Path(silver).open("w", encoding="utf-8") as written,
    ):
        for number, record in enumerate(map(json.loads, read), 1):
            asked = ASKED.format(labels=labels, text=record["text"])
            answer = client.chat.completions.create(
                model=model,
                messages=[{"role": "user", "content": asked}],
                response_format={"type": "json_object"},
                temperature=0,
            )
            try:
                found = answered(answer.choices[0].message.content or "", labels.split(","))
            except ValueError as error:
                print(f"{texts}:{number}: left out: {error}", file=sys.stderr)
                continue
            entities = list(spans(record["text"], found))
            line = json.dumps({**record, "entities": entities}, ensure_ascii=False)
            written.write(f"{line}\n")


def answered(answer: str, labels: Sequence[str]) -> dict[str, str]:
    """The label of each text of an answer; raises ValueError for what is none."""
    found = json.loads(answer)
    try:
        pairs = {each["text"]: each["label"] for each in found["entities"]}
    except (KeyError, TypeError) as error:
        raise ValueError(f"no list of texts with labels: {answer[:80]!r}") from error
    if unknown := set(pairs.values()) - set(labels):
        raise ValueError(f"labels that nobody asked for: {unknown}")
    return pairs


def spans(text: str, labels: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Where the texts of an answer stand, each time, as whole words; of two the longer one."""
    wanted = sorted(filter(str.strip, labels), key=len, reverse=True)
    if wanted:
        any_of_them = "|".join(map(re.escape, wanted))
        for match in re.finditer(rf"(?<!\w)(?:{any_of_them})(?!\w)", text):
            yield {"start": match.start(), "end": match.end(), "label": labels[match[0]]}


if __name__ == "__main__":
    main(*sys.argv[1:])
