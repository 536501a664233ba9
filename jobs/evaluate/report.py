"""What an evaluation found, and its JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model.corpora import LabelledCorpus
from model.corpora.records import Remark
from model.evaluation.entity_scores import EntityScores
from model.evaluation.matching import Kind
from model.evaluation.mistakes import (
    ComparedText,
    FrequentMistake,
    Mistake,
    count_kinds,
    find_mistakes,
    most_frequent,
)
from model.evaluation.muc import MucScores, muc_scores
from model.evaluation.speed import Speed


@dataclass(frozen=True)
class Evaluation:
    """Scores and mistakes of a model on a labelled file.

    `kinds` counts all mistakes, `different` those that are not alike; `frequent` holds the most
    frequent of these, which are listed. `warnings` are what makes the scores doubtful. `speed` is
    None where the file holds no token.
    """

    model: str
    corpus: LabelledCorpus
    scores: EntityScores
    muc: MucScores
    kinds: Mapping[Kind, int]
    different: int
    frequent: Sequence[FrequentMistake]
    warnings: Sequence[Remark]
    speed: Speed | None

    @property
    def unlisted(self) -> str:
        """How many mistakes are listed and how to list all, in words; nothing where all are."""
        listed = len(self.frequent)
        if listed == self.different:
            return ""
        return (
            f"{listed:,} of {self.different:,} different mistakes listed; "
            f"--mistakes {self.different} lists all"
        )

    @property
    def size(self) -> str:
        """How much was scored, and how it was written, in words."""
        documents, sentences = len(self.corpus.documents), len(self.corpus.sentences)
        size = (
            f"{documents:,} documents, from raw text" if documents else f"{sentences:,} sentences"
        )
        return ", ".join([size, *self.corpus.facts])

    def to_json(self) -> dict[str, Any]:
        """All figures, and each listed mistake with its sentence.

        Spans count code points of `sentence`, which begins at `sentence_start` of the document.
        """
        return {
            "model": self.model,
            "data": {
                "path": self.corpus.path,
                "format": self.corpus.format,
                "sentences": len(self.corpus.sentences),
                "documents": len(self.corpus.documents),
            },
            "warnings": [remark.text for remark in self.warnings],
            "speed": self.speed.to_json() if self.speed else None,
            **self.scores.to_json(),
            "muc": self.muc.to_json(),
            "kinds": dict(self.kinds),
            "mistakes": [
                {
                    "count": each.count,
                    "kind": each.example.kind,
                    "gold_label": each.example.pair.gold_label,
                    "predicted_label": each.example.pair.predicted_label,
                    "text": each.surface,
                    "example": _example(each.example),
                }
                for each in self.frequent
            ],
        }


def evaluation(
    model: str,
    corpus: LabelledCorpus,
    scores: EntityScores,
    texts: Sequence[ComparedText],
    warnings: Sequence[Remark],
    listed: int,
    speed: Speed | None,
) -> Evaluation:
    """All there is to say of the compared texts of a corpus, with `listed` mistakes at most."""
    mistakes = list(find_mistakes(texts))
    ranked = most_frequent(mistakes, len(mistakes))
    return Evaluation(
        model=model,
        corpus=corpus,
        scores=scores,
        muc=muc_scores([text.gold for text in texts], [text.predicted for text in texts]),
        kinds=count_kinds(mistakes),
        different=len(ranked),
        frequent=ranked[:listed],
        warnings=warnings,
        speed=speed,
    )


def _example(mistake: Mistake) -> dict[str, Any]:
    start, sentence = mistake.sentence()
    gold, predicted = (
        span
        and {
            "start": span.start - start,
            "end": span.end - start,
            "label": span.label,
            "text": sentence[span.start - start : span.end - start],
        }
        for span in mistake.pair
    )
    return {
        "document": mistake.source.doc_id,
        "line": mistake.source.line,
        "sentence_start": start,
        "sentence": sentence,
        "gold": gold,
        "predicted": predicted and {**predicted, "confidence": mistake.confidence},
    }
