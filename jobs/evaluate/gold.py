"""The labelled data that a model is scored on, and what is to be told of it before the scores."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from model.corpora import LabelledCorpus
from model.corpora.projection import project_document
from model.corpora.records import Remark
from model.corpora.remarks import about_misfits
from model.corpora.statistics import SourceFile
from model.evaluation.scoring import apart
from model.tagger.artifact import Artifact
from model.text.escaping import harmless
from model.text.segmentation import Segmentation


def scored_corpus(
    corpus: LabelledCorpus, artifact: Artifact
) -> tuple[LabelledCorpus, tuple[Remark, ...]]:
    """The corpus without entities that overlap others, and the remarks on it and on the model.

    A tagger gives each token one tag, so of entities that overlap it can find one.
    """
    kept, overlapping = [], []
    for document in corpus.documents:
        entities, dropped = apart(document.entities)
        kept.append(replace(document, entities=tuple(entities)))
        overlapping += [
            f"{harmless(document.doc_id)} [{span.start}, {span.end}) {harmless(span.label)}"
            for span in dropped
        ]
    scored = replace(corpus, documents=tuple(kept))
    remarks = [
        *_about_labels(corpus, artifact.tags.labels),
        *_about_overlaps(corpus.path, overlapping),
        *_about_file(scored, artifact.segmentation),
    ]
    return scored, tuple(remarks)


def _about_labels(corpus: LabelledCorpus, known: Iterable[str]) -> Iterator[Remark]:
    gold, found = set(corpus.labels), set(known)
    path = harmless(corpus.path)
    if not gold:
        yield Remark(f"{path} holds no entity: whatever the model finds there counts as wrong")
    elif gold.isdisjoint(found):
        yield Remark(
            f"the model and {path} share no label, so that no entity can be right: the model finds "
            f"{_listed(found)}, the file has {_listed(gold)}"
        )
    elif gold - found:
        yield Remark(
            f"the model does not know labels of {path}, whose entities all count as missed: "
            f"{_listed(gold - found)}"
        )
    if gold & found and found - gold:
        yield Remark(
            f"{path} lacks labels of the model, where whatever it finds counts as wrong: "
            f"{_listed(found - gold)}"
        )


def _about_overlaps(path: str, places: list[str]) -> Iterator[Remark]:
    if places:
        yield Remark(
            f"of the entities of {harmless(path)} that overlap, {len(places):,} are not scored, "
            "since a token has one tag: the longest are, then the earliest",
            tuple(places),
        )


def _about_file(corpus: LabelledCorpus, segmentation: Segmentation) -> Iterator[Remark]:
    projected = (project_document(document, segmentation) for document in corpus.documents)
    misfits = [replace(misfit, tagged=()) for document in projected for misfit in document.misfits]
    advice = "as the model cuts text, it cannot find them"
    yield from SourceFile.of(corpus).remarks
    yield from about_misfits(corpus.path, misfits, advice)


def _listed(labels: Iterable[str]) -> str:
    return ", ".join(map(harmless, sorted(labels)))
