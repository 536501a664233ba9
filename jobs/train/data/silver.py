"""Labels of other teachers beside gold: read, put into gold's labels, and compared with gold."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain, pairwise

from jobs.label.pool import squeezed, squeezed_texts
from model.corpora import LabelledCorpus, LabelledSentence
from model.corpora.projection import Misfit, project_silver
from model.corpora.records import Remark
from model.corpora.remarks import about_misfits
from model.evaluation.confusion import Confusion, confusion
from model.evaluation.entity_scores import EntityScores, entity_scores
from model.tags import OUTSIDE, Span, spans_of
from model.text.escaping import harmless
from model.text.segmentation import Segmentation, retokenize
from model.training.data.silver import SilverSentences, Teacher
from pipeline.console.arguments import did_you_mean
from pipeline.console.text import listed
from schemas.errors import UsageError

_MISFITS = "nothing is learnt of their labels"

Tagged = tuple[Sequence[str], Sequence[str]]  # words, and their tags


@dataclass(frozen=True)
class SilverMeanings:
    """What the labels of teachers mean, as `--silver_labels` says it.

    labels: of a teacher's label those of gold that its spans may have; none: its tokens say
    nothing. outside: labels whose spans are no entity to gold.
    """

    labels: Mapping[str, tuple[str, ...]]
    outside: frozenset[str]

    @classmethod
    def of(cls, given: Sequence[str], gold: Sequence[str]) -> "SilverMeanings":
        """`PERSON=per`, `GPE=geo,gpe`, `DATE=O` or `DATE=`; raises UsageError for others."""
        labels: dict[str, tuple[str, ...]] = {label: (label,) for label in gold}
        outside: set[str] = set()
        said: set[str] = set()
        for text in given:
            label, equals, meant = text.partition("=")
            if not label or not equals:
                raise UsageError(
                    f"--silver_labels {text!r} is no LABEL=LABEL, such as PERSON=per, GPE=geo,gpe, "
                    "DATE=O (no entity) or DATE= (says nothing)"
                )
            if label in said:
                raise UsageError(f"--silver_labels says twice what {label} means")
            said.add(label)
            if meant == OUTSIDE and OUTSIDE not in gold:
                outside.add(label)
                labels.pop(label, None)
                continue
            labels[label] = tuple(dict.fromkeys(meant.split(","))) if meant else ()
            for one in labels[label]:
                if one not in gold:
                    raise UsageError(
                        f"--silver_labels {text}: --train has no label {one!r}"
                        + did_you_mean(one, gold)
                    )
        return cls(labels, frozenset(outside))

    def teacher(self, used: Mapping[str, int], path: str) -> Teacher:
        """What a teacher says who uses these labels; raises UsageError where one means nothing."""
        unknown = {
            label: count
            for label, count in used.items()
            if label not in self.labels and label not in self.outside
        }
        if unknown:
            label = next(iter(unknown))
            shown = listed([f"{harmless(one)} ({count:,})" for one, count in unknown.items()])
            raise UsageError(
                f"--silver {path} has labels that --train lacks: {shown}; say what they mean with "
                f"--silver_labels: {label}=LABEL, {label}=O for no entity, {label}= for nothing"
            )
        meanings = {label: self.labels[label] for label in used if label in self.labels}
        return Teacher(meanings, frozenset(one for meant in meanings.values() for one in meant))


@dataclass(frozen=True)
class Agreement:
    """How a teacher agrees with gold on the same texts: strict scores, and what for what."""

    sentences: int
    scores: EntityScores
    taken_for: Confusion


@dataclass(frozen=True)
class SilverPart:
    """What a teacher says of texts that gold lacks.

    spans: all of the teacher's, by its labels. agreement: on texts that gold has too, None where
    there are none. left_out: sentences that are not learnt of it, since gold has them.
    """

    origin: str
    sentences: SilverSentences
    spans: Mapping[str, int]
    agreement: Agreement | None
    left_out: int
    remarks: Sequence[Remark]


@dataclass(frozen=True)
class GoldTexts:
    """What is labelled by hand, by text: sentences of train and dev with their tags, and all."""

    tagged: Mapping[str, Tagged]
    texts: frozenset[str]

    @classmethod
    def of(
        cls,
        segmentation: Segmentation,
        shown: Iterable[LabelledSentence],
        hidden: Iterable[LabelledSentence],
    ) -> "GoldTexts":
        """shown: those that a teacher is compared with; hidden: others, not to be learnt of it.

        Of a sentence that extraction would cut in several, each of these is a text of gold too.
        """
        shown = list(shown)
        tagged = {_key(each.words): _cut(each, segmentation) for each in shown}
        texts = (squeezed_texts(" ".join(each.words), segmentation) for each in (*shown, *hidden))
        return cls(tagged, frozenset(chain.from_iterable(texts)))


def silver_part(
    corpus: LabelledCorpus,
    segmentation: Segmentation,
    meanings: SilverMeanings,
    gold: GoldTexts,
    weight: float,
) -> SilverPart:
    """A teacher's file in, what is learnt of it out; raises UsageError for a label unknown."""
    spans = Counter(
        span.label
        for found in (
            *(document.entities for document in corpus.documents),
            *(spans_of(sentence.tags) for sentence in corpus.sentences),
        )
        for span in found
    )
    teacher = meanings.teacher(spans, corpus.path)
    if not spans:
        raise UsageError(f"--silver {corpus.path} holds no labelled span: it says nothing")
    told, misfits = _told(corpus, segmentation, meanings.outside)
    keys = [_key(words) for (words, _), _ in told]
    new = [each for key, each in zip(keys, told, strict=True) if key not in gold.texts]
    both = [
        (gold.tagged[key], tagged, certainty)
        for key, (tagged, certainty) in zip(keys, told, strict=True)
        if key in gold.tagged
    ]
    return SilverPart(
        corpus.path,
        SilverSentences(
            [words for (words, _), _ in new],
            [tags for (_, tags), _ in new],
            [certainty for _, certainty in new],
            [weight] * len(new),
            teacher,
        ),
        spans,
        agreement(both, teacher),
        len(told) - len(new),
        (*corpus.remarks, *about_misfits(corpus.path, misfits, _MISFITS)),
    )


def _told(
    corpus: LabelledCorpus, segmentation: Segmentation, outside: frozenset[str]
) -> tuple[list[tuple[Tagged, Sequence[float]]], list[Misfit]]:
    """The sentences of a file in the tokens of extraction, each with how sure its tags are."""
    told: list[tuple[Tagged, Sequence[float]]] = []
    misfits: list[Misfit] = []
    for document in corpus.documents:
        silver = project_silver(document, segmentation)
        pairs = zip(silver.sentences, silver.certainty, strict=True)
        told += [((each.words, each.tags), certainty) for each, certainty in pairs]
        misfits += silver.misfits
    for sentence in corpus.sentences:
        words, tags = _cut(sentence, segmentation)
        told.append(((words, tags), [1.0] * len(words)))
    return [((words, _within(tags, outside)), sure) for (words, tags), sure in told], misfits


def _within(tags: Sequence[str], outside: frozenset[str]) -> Sequence[str]:
    """The tags of a sentence without those of some labels."""
    return tuple(OUTSIDE if tag[2:] in outside else tag for tag in tags)


def agreement(
    pairs: Sequence[tuple[Tagged, Tagged, Sequence[float]]], teacher: Teacher
) -> Agreement | None:
    """How a teacher agrees with gold: (gold, told, certainty) of the same texts in.

    None for no pairs. Labels that the teacher does not know are not looked at, nor is gold where it
    says nothing.
    """
    if not pairs:
        return None
    gold, told = [], []
    for of_gold, of_teacher, certainty in pairs:
        silent = _silent(of_teacher[0], certainty)
        its = [
            span
            for span in _places(*of_gold)
            if span.label in teacher.known
            and not any(start < span.end and end > span.start for start, end in silent)
        ]
        gold.append(its)
        told.append(list(_as_gold(_places(*of_teacher), its, teacher)))
    return Agreement(len(pairs), entity_scores(gold, told), confusion(gold, told))


def _as_gold(spans: Iterable[Span], gold: Sequence[Span], teacher: Teacher) -> Iterator[Span]:
    """A teacher's spans with labels of gold: of several that it may mean, the one that is there."""
    there = set(gold)
    for span in spans:
        meant = [replace(span, label=label) for label in teacher.meanings[span.label]]
        if meant:
            yield next((each for each in meant if each in there), meant[0])


def _silent(words: Sequence[str], certainty: Sequence[float]) -> list[tuple[int, int]]:
    """The places of tokens of which nothing is said, as those of `_places`."""
    ends = [0, *accumulate(map(len, words))]
    return [bounds for bounds, sure in zip(pairwise(ends), certainty, strict=True) if not sure]


def _places(words: Sequence[str], tags: Sequence[str]) -> list[Span]:
    """The spans of a sentence by their places in its text without blanks."""
    ends = [0, *accumulate(map(len, words))]
    return [Span(ends[span.start], ends[span.end], span.label) for span in spans_of(tags)]


def _cut(sentence: LabelledSentence, segmentation: Segmentation) -> Tagged:
    return retokenize(
        sentence.words, sentence.tags, segmentation.tokens, characters=segmentation.characters
    )


def _key(words: Sequence[str]) -> str:
    return squeezed("".join(words))
