"""spaCy's named entities over the same texts: `PYTHON spacy_reference.py MODEL PROCESSES < TEXTS`.

Run by the benchmark with any Python that has spaCy, so it needs nothing of this project: spaCy and
training's TensorFlow want different numpy. Reads one JSON string a line, prints one JSON object.
"""

import json
import sys
import time
from importlib import import_module

BATCH = 64  # documents


def main() -> None:
    """Time `nlp.pipe` from raw text to entities; loading the model is not counted."""
    model, processes = sys.argv[1], int(sys.argv[2])
    texts = [json.loads(line) for line in sys.stdin]
    spacy = import_module("spacy")
    try:
        nlp = spacy.load(model)
    except OSError:
        nlp = import_module(model).load()
    # Only what entities need: the `ner` component, and what it listens to if it shares that.
    keep = {"ner", "tok2vec"} if "tok2vec" in _listened(nlp) else {"ner"}
    nlp.select_pipes(enable=[name for name in nlp.pipe_names if name in keep])
    nlp.max_length = max(map(len, texts), default=0) + 1
    list(nlp.pipe(texts[:1]))
    started = time.perf_counter()
    tokens = entities = 0
    for document in nlp.pipe(texts, batch_size=BATCH, n_process=processes):
        tokens += len(document)
        entities += len(document.ents)
    seconds = time.perf_counter() - started
    name = f"{nlp.meta.get('lang')}_{nlp.meta.get('name')} {nlp.meta.get('version')}"
    measured = {
        "spacy": spacy.__version__,
        "model": name,
        "components": nlp.pipe_names,
        "processes": processes,
        "seconds": seconds,
        "documents": len(texts),
        "characters": sum(map(len, texts)),
        "tokens": tokens,
        "entities": entities,
    }
    sys.stdout.write(json.dumps(measured))


def _listened(nlp: object) -> list[str]:
    """The components that `ner` gets its vectors from."""
    model = nlp.get_pipe("ner").model  # type: ignore[attr-defined]  # spaCy's Language
    return [
        node.upstream_name
        for node in model.walk()
        if node.name.endswith("listener") and hasattr(node, "upstream_name")
    ]


if __name__ == "__main__":
    main()
