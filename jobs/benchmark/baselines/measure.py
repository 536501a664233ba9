"""F1 and speed of the model and of other taggers on the same sentences, in rounds."""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from statistics import median
from typing import Any

from jobs.benchmark.other_python import answer_of
from model.corpora import LabelledSentence
from model.corpora.split import split_sentences
from model.corpora.tokenized import TokenizedSentences
from model.evaluation.entity_scores import ScoreRow, entity_scores
from model.evaluation.scoring import character_spans, gold_spans
from model.tagger.artifact import Artifact
from model.tagger.tagger import Tagger, tag_documents
from model.text.segmentation import document_of_words

_HELD_OUT = 0.1  # of the sentences to train on, where a tagger stops by them


@dataclass(frozen=True)
class Baseline:
    """Another tagger: the script that trains it and tags, and the interpreter that has it."""

    script: str
    python: str
    arguments: tuple[str, ...] = ()

    def trained(self, folder: Path) -> dict[str, Any]:
        """Its name, and the seconds that training took: now, or when it was done in this folder."""
        done = folder / f"{self.script}.json"
        if not done.exists():
            done.write_text(json.dumps(self._run("train", folder)))
        answer: dict[str, Any] = json.loads(done.read_text())
        return answer

    def tag(self, folder: Path) -> dict[str, Any]:
        """The tags that it gives the words, and the seconds of the processor that it took."""
        return self._run("tag", folder)

    def _run(self, step: str, folder: Path) -> dict[str, Any]:
        script = Path(__file__).with_name(f"{self.script}.py")
        return answer_of(self.python, script, (step, str(folder), *self.arguments))


@dataclass(frozen=True)
class Measured:
    """A tagger's strict scores, its tokens a second on one core (median), and its training.

    training_seconds: None where it was trained before, elsewhere.
    """

    name: str
    scores: ScoreRow
    tokens_per_second: float
    training_seconds: float | None = None


def prepare(
    train: Sequence[LabelledSentence], data: TokenizedSentences, language: str, place: Path
) -> Path:
    """Write what the scripts read to a folder of `place` that is named by what is learnt from."""
    kept, held_out = split_sentences(train, _HELD_OUT, seed=0)
    learnt = {"train.jsonl": _lines(kept), "dev.jsonl": _lines(held_out)}
    digest = blake2b("\0".join(learnt.values()).encode(), digest_size=8).hexdigest()
    folder = place / f"{language}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in learnt.items():
        (folder / name).write_text(text)
    words = (json.dumps({"words": sentence}) + "\n" for sentence in data.words)
    (folder / "words.jsonl").write_text("".join(words))
    return folder


def _lines(sentences: Iterable[LabelledSentence]) -> str:
    return "".join(json.dumps({"words": s.words, "tags": s.tags}) + "\n" for s in sentences)


def compare(
    artifact: Artifact,
    baselines: Sequence[Baseline],
    data: TokenizedSentences,
    folder: Path,
    repeats: int,
) -> list[Measured]:
    """The model first, then the baselines; in every round each tags all sentences twice.

    The first time is not counted: it is what starting takes, and what a tagger keeps of words.
    """
    trained = [baseline.trained(folder) for baseline in baselines]
    gold = list(gold_spans(data.words, data.tags))
    ours: list[float] = []
    theirs: list[list[float]] = [[] for _ in baselines]
    scores: list[ScoreRow] = []
    for _ in range(repeats):
        seconds, row = _model_round(artifact, data, gold)
        ours.append(seconds)
        scores = [row]
        for baseline, measured in zip(baselines, theirs, strict=True):
            tagged = baseline.tag(folder)
            measured.append(tagged["seconds"])
            found = gold_spans(data.words, tagged["tags"])
            scores.append(entity_scores(gold, found).micro)
    rows = [
        Measured(f"gleaner, {artifact.identity}", scores[0], data.tokens / median(ours)),
    ]
    for answer, row, seconds_each in zip(trained, scores[1:], theirs, strict=True):
        rate = data.tokens / median(seconds_each)
        rows.append(Measured(answer["name"], row, rate, answer["seconds"]))
    return rows


def _model_round(
    artifact: Artifact, data: TokenizedSentences, gold: Sequence[Any]
) -> tuple[float, ScoreRow]:
    """Seconds of the processor, padding counted, and scores."""
    tagger = Tagger(artifact)
    documents = list(map(document_of_words, data.words))
    list(tag_documents(tagger, documents))  # the words are met, as most of a large collection are
    started = time.process_time()
    tagged = list(tag_documents(tagger, documents))
    seconds = time.process_time() - started
    return seconds, entity_scores(gold, map(character_spans, tagged)).micro
