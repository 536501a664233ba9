"""What a data report gives reason to say: why training would be pointless, and warnings."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain, combinations

import numpy as np

from model.corpora.records import Remark
from model.corpora.statistics import DataReport, PartReport
from model.tags import MOST_LABELS
from model.text.escaping import harmless
from pipeline.console.text import counted

FEWEST_SPANS = 20  # with fewer in all, nothing can be learnt
_FEWEST_TEXTS = 10  # that are cross-validated: two a fold
FEW_SPANS = 20  # a label with fewer in train is hardly learnt
LONG_SENTENCE = 512  # tokens; no sentence that a person wrote is that long
REPEATED_SHARE = 0.05
_SLIP_RARITY = 50  # a label one letter off another is a slip where it is so many times rarer
_ONCE_IN = 10  # spans: as many of another make a label that stands once a slip too
_SLIP_LENGTH = 3

# F1 on the set's own dev part by the labelled entities of train, with the settings that follow the
# data and GloVe's vectors of 50 numbers. By entities, since sentences without any teach little: 300
# sentences have 517 of them in tweets and 697 in newswire, and the sets agree better so.
_TRIED: tuple[Mapping[int, float], ...] = (
    {229: 0.655, 697: 0.74, 2366: 0.795, 89089: 0.865},  # newswire, 8 labels
    {227: 0.585, 629: 0.71, 2125: 0.80, 9385: 0.845},  # abstracts, 2 labels
    {517: 0.665, 11517: 0.685},  # tweets, 3 labels
)
_FEWEST_TRIED, _MOST_TRIED = min(map(min, _TRIED)), max(map(max, _TRIED))
_LEAST = 1e-6  # so that a half of the last digit shown is rounded up, whatever floats make of it
_ABOUT = 1.1  # a set with so many times the entities counts as one with as many
_MORE = 10


def pointless(report: DataReport) -> str | None:
    """One sentence where nothing could come of training on this data, else None."""
    return next(chain(_about_train(report), _about_dev(report)), None)


def _about_train(report: DataReport) -> Iterator[str]:
    train, named = report.train, _named(report.train)
    entities = sum(train.entities.values())
    if not entities:
        yield f"{named} holds no entity: there is nothing to learn"
    if report.dev is None and train.sentences - train.repeated < _FEWEST_TEXTS:
        yield f"{named} holds too few sentences to split: give --dev"
    if entities < FEWEST_SPANS:
        yield (
            f"{named} holds {counted(entities, 'entity')}, too few to learn from: label at least "
            f"{FEWEST_SPANS}, better some hundred"
        )


def _about_dev(report: DataReport) -> Iterator[str]:
    train, dev = report.train, report.dev
    if dev is None:
        return
    if not dev.sentences and not dev.source:
        yield f"{_named(train)} holds too few sentences to split: give --dev"
    if not dev.entities:
        lacking = "entity" if dev.sentences else "sentence"
        yield f"{_named(dev)} holds no {lacking}: it cannot tell a good epoch from a bad one"
    if dev.entities.keys().isdisjoint(train.entities):
        yield (
            f"{_named(dev)} holds none of the labels of {_named(train)} "
            f"({_listed(train.entities)}), but {_listed(dev.entities)}"
        )
    if dev.in_train == dev.sentences:
        yield (
            f"every sentence of {_named(dev)} stands in {_named(train)} too: "
            "scores on it would praise what was learnt by heart"
        )


def impossible(report: DataReport) -> str | None:
    """One sentence where no model can have what the data have, else None."""
    labels = len(report.train.entities)
    if labels <= MOST_LABELS:
        return None
    return (
        f"{_named(report.train)} has {labels:,} labels, and a model may have {MOST_LABELS}: "
        "leave rare ones out, or make several of them one"
    )


def expected_f1(report: DataReport) -> list[str]:
    """Two lines on the F1 that other sets gave with about as much to train on, and with more.

    No promise: what is asked of a model differs more than the amount of data does.
    """
    entities = sum(report.train.entities.values())
    tried = min(max(entities, _FEWEST_TRIED), _MOST_TRIED)
    if entities < tried:
        line = f"no set that was tried has so few entities to train on: {tried:,} gave "
    elif entities > tried:
        line = f"no set that was tried has so many entities to train on: {tried:,} gave "
    else:
        line = f"other sets with about as many entities to train on, {tried:,}, gave "
    line += f"an F1 of {_tried_f1(tried)}"
    if entities == tried and _MORE * tried <= _MOST_TRIED:
        line += f", ten times as many {_tried_f1(_MORE * tried)}"
    whose = "(English newswire, abstracts and tweets, with GloVe's vectors)"
    return [line, f"{whose}; texts and labels of your own may be easier or harder"]


def _tried_f1(entities: int) -> str:
    """From the worst to the best of the sets; one that has fewer entities counts with its most."""
    found = [
        float(np.interp(np.log(entities), np.log(list(tried)), list(tried.values())))
        for tried in _TRIED
        if min(tried) <= _ABOUT * entities
    ]
    low, high = (each + _LEAST for each in (min(found), max(found)))
    return f"{low:.2f} to {high:.2f}"


def warnings_of(report: DataReport) -> list[Remark]:
    """What is odd in the data without making training pointless, what touches most first."""
    parts, others = report.parts, report.others
    return [
        *chain.from_iterable(part.source.remarks for part in parts if part.source),
        *chain.from_iterable(_about_labels(report.train, part) for part in others),
        *_about_characters(report.train),
        *_about_slips(report),
        *_about_rare_labels(report.train),
        *chain.from_iterable(map(_about_overlap, others)),
        *chain.from_iterable(map(_about_sentences, parts)),
    ]


def _about_characters(train: PartReport) -> Iterator[Remark]:
    if train.cut_words:
        yield Remark(
            f"{train.cut_words:,} of {train.words:,} words of train "
            f"({train.cut_words / train.words:.1%}) are several characters of scripts without "
            "blanks, and are cut into these: texts to extract from do not show where words end"
        )


def _about_labels(train: PartReport, part: PartReport) -> Iterator[Remark]:
    lacking = {label: n for label, n in part.entities.items() if label not in train.entities}
    if lacking:
        yield Remark(
            f"train lacks labels of {part.name}, {_listed(lacking)}, which no model of it can "
            "find: label some in train too, or leave them out"
        )


def _about_slips(report: DataReport) -> Iterator[Remark]:
    counts: Counter[str] = Counter()
    for part in report.parts:
        counts.update(part.entities)
    for label, other in combinations(counts, 2):
        rare, usual = sorted((label, other), key=lambda name: (counts[name], name))
        if _folded(rare) == _folded(usual) or (
            _is_rarer(counts[rare], counts[usual])
            and _one_letter_off(rare.casefold(), usual.casefold())
        ):
            yield Remark(
                f"the label {_listed({rare: counts[rare]})} looks like a slip for "
                f"{_listed({usual: counts[usual]})}: if it is, rename it"
            )


def _is_rarer(rare: int, usual: int) -> bool:
    """Whether a label is so much rarer than another that it may be a slip for it."""
    return usual >= (_ONCE_IN if rare == 1 else rare * _SLIP_RARITY)


def _about_rare_labels(train: PartReport) -> Iterator[Remark]:
    rare = {label: n for label, n in train.entities.items() if n < FEW_SPANS}
    if rare:
        yield Remark(
            f"train has fewer than {FEW_SPANS} spans of {_listed(rare)}: label more, or expect "
            "them to be missed"
        )


def _about_overlap(part: PartReport) -> Iterator[Remark]:
    if part.in_train:
        yield Remark(
            f"{_share(part.in_train, part)} stand in train too, and flatter its scores: "
            "take them out of train"
        )


def _about_sentences(part: PartReport) -> Iterator[Remark]:
    if part.repeated > REPEATED_SHARE * part.sentences:
        yield Remark(
            f"{_share(part.repeated, part)} repeat an earlier one: take them out, unless texts to "
            "come repeat themselves as much"
        )
    lengths = part.lengths
    if lengths.longest > LONG_SENTENCE:
        line = "" if lengths.longest_line is None else f" at line {lengths.longest_line:,}"
        yield Remark(
            f"the longest sentence of {part.name}{line} has {lengths.longest:,} tokens: see "
            "whether the marks between sentences are missing"
        )


def _share(count: int, part: PartReport) -> str:
    share = count / part.sentences
    return f"{count:,} of {part.sentences:,} sentences of {part.name} ({share:.1%})"


def _named(part: PartReport) -> str:
    origin = harmless(part.origin)
    return f"--{part.name} {origin}" if part.source else f"{part.name}, {origin},"


def _listed(labels: Mapping[str, int]) -> str:
    return ", ".join(f"{harmless(label)} ({count:,})" for label, count in labels.items())


def _folded(label: str) -> str:
    """The label without case and punctuation; a label of punctuation alone, as it is."""
    return "".join(c for c in label.casefold() if c.isalnum()) or label


def _one_letter_off(left: str, right: str) -> bool:
    """Whether one letter more, another letter, or two swapped make the one the other.

    Labels that differ in a digit, such as `level1` and `level2`, are told apart on purpose.
    """
    shorter, longer = sorted((left, right), key=len)
    if len(shorter) < _SLIP_LENGTH or len(longer) - len(shorter) > 1:
        return False
    start = next(i for i, letter in enumerate(longer) if letter != shorter[i : i + 1])
    shorter, longer = shorter[start:], longer[start:]
    if any(rest[:1].isdigit() for rest in (shorter, longer)):
        return False
    if len(shorter) < len(longer):
        return shorter == longer[1:]
    swapped = longer[1::-1] + longer[2:]
    return shorter[1:] == longer[1:] or shorter == swapped
