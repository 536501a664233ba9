"""A linear-chain CRF over hand-made features: `PYTHON crfsuite_tagger.py train|tag FOLDER`.

The classical tagger, by any Python that has python-crfsuite, so it needs nothing of this project.
`train` learns from `train.jsonl` and `dev.jsonl` of the folder, `tag` tags `words.jsonl`; each line
holds the `words` of a sentence, and its IOB2 `tags`. Prints one JSON object.
"""

import json
import re
import sys
import time
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path

MODEL = "crfsuite.model"
AFFIXES = 4  # characters of the longest
WINDOW = 2  # words to either side


def main() -> None:
    """Do the step that is named."""
    step, folder = sys.argv[1], Path(sys.argv[2])
    sys.stdout.write(json.dumps(train(folder) if step == "train" else tag(folder)))


def train(folder: Path) -> dict[str, object]:
    """Fit the CRF by L-BFGS, with both penalties, on all labelled sentences."""
    trainer = import_module("pycrfsuite").Trainer(verbose=False)
    started = time.perf_counter()
    for name in ("train.jsonl", "dev.jsonl"):
        for line in (folder / name).open():
            sentence = json.loads(line)
            trainer.append(features(sentence["words"]), sentence["tags"])
    penalties = {"c1": 0.1, "c2": 0.1}
    trainer.set_params({**penalties, "max_iterations": 100, "feature.possible_transitions": True})
    trainer.train(str(folder / MODEL))
    version = metadata.version("python-crfsuite")
    return {"name": f"python-crfsuite {version}", "seconds": time.perf_counter() - started}


def tag(folder: Path) -> dict[str, object]:
    """The best tags of all sentences; the processor's seconds for features and CRF, once warm."""
    tagger = import_module("pycrfsuite").Tagger()
    tagger.open(str(folder / MODEL))
    sentences = [json.loads(line)["words"] for line in (folder / "words.jsonl").open()]
    for _ in range(2):
        started = time.process_time()
        tags = [tagger.tag(features(words)) for words in sentences]
        seconds = time.process_time() - started
    return {"seconds": seconds, "tags": tags}


def features(words: list[str]) -> list[list[str]]:
    """Of each word: itself, its ends, its shape, and the same of its neighbours, but no ends."""
    spelled = [(word.lower(), _shape(word)) for word in words]
    return [
        [*_affixes(lower), *_window(spelled, position)]
        for position, (lower, _) in enumerate(spelled)
    ]


def _affixes(word: str) -> Iterator[str]:
    for length in range(1, min(AFFIXES, len(word)) + 1):
        yield f"prefix={word[:length]}"
        yield f"suffix={word[-length:]}"


def _window(spelled: list[tuple[str, str]], position: int) -> Iterator[str]:
    for step in range(-WINDOW, WINDOW + 1):
        if 0 <= position + step < len(spelled):
            word, shape = spelled[position + step]
            yield f"{step}:word={word}"
            yield f"{step}:shape={shape}"
        else:
            yield f"{step}:outside"


def _shape(word: str) -> str:
    """`Xxx-00` is `Xx-0`: runs of letters of a case, and of digits, are one."""
    return re.sub(r"\d+", "0", re.sub(r"[^\W\d_A-Z]+", "x", re.sub(r"[A-Z]+", "X", word)))


if __name__ == "__main__":
    main()
