"""spaCy's own network with the same labels: `PYTHON spacy_tagger.py train|tag FOLDER LANGUAGE`.

By any Python that has spaCy, so it needs nothing of this project. `train` learns from `train.jsonl`
of the folder by spaCy's own recipe for a processor, up to where `dev.jsonl` gains no more; `tag`
tags `words.jsonl`. Each line holds the `words` of a sentence, and its IOB2 `tags`. Prints one JSON
object.
"""

import json
import sys
import time
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path

MODEL = "spacy"


def main() -> None:
    """Do the step that is named."""
    step, folder, language = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    with redirect_stdout(sys.stderr):  # where spaCy tells how it goes
        answer = train(folder, language) if step == "train" else tag(folder)
    sys.stdout.write(json.dumps(answer))


def train(folder: Path, language: str) -> dict[str, object]:
    """As `spacy init config --pipeline ner` and `spacy train` do."""
    spacy, tokens = import_module("spacy"), import_module("spacy.tokens")
    started = time.perf_counter()
    vocabulary = spacy.blank(language).vocab
    paths = {}
    for name in ("train", "dev"):
        lines = map(json.loads, (folder / f"{name}.jsonl").open())
        documents = [
            tokens.Doc(vocabulary, words=line["words"], ents=line["tags"]) for line in lines
        ]
        paths[f"paths.{name}"] = str(folder / f"{name}.spacy")
        tokens.DocBin(docs=documents).to_disk(paths[f"paths.{name}"])
    init_config = import_module("spacy.cli.init_config").init_config
    config = init_config(lang=language, pipeline=["ner"], optimize="efficiency", gpu=False)
    config.to_disk(folder / "spacy.cfg")
    spacy_train = import_module("spacy.cli.train").train
    spacy_train(folder / "spacy.cfg", folder / MODEL, overrides=paths)
    return {"name": f"spaCy {spacy.__version__}", "seconds": time.perf_counter() - started}


def tag(folder: Path) -> dict[str, object]:
    """The tags of all sentences; the processor's seconds for `nlp.pipe` over tokens, once warm."""
    spacy, doc = import_module("spacy"), import_module("spacy.tokens").Doc
    nlp = spacy.load(folder / MODEL / "model-best")
    sentences = [json.loads(line)["words"] for line in (folder / "words.jsonl").open()]
    for _ in range(2):
        documents = [doc(nlp.vocab, words=words) for words in sentences]
        started = time.process_time()
        tagged = list(nlp.pipe(documents, batch_size=1000))
        seconds = time.process_time() - started
    tags = [
        [f"{t.ent_iob_}-{t.ent_type_}" if t.ent_type_ else "O" for t in found] for found in tagged
    ]
    return {"seconds": seconds, "tags": tags}


if __name__ == "__main__":
    main()
