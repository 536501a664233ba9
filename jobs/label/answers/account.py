"""What is told of answers: how many, what was changed, who agrees, and what was left out."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from jobs.evaluate.terminal import remark_lines
from jobs.label.answers import (
    Agreement,
    AnsweredText,
    Changes,
    GivenAnswer,
    Outcome,
    agreement,
    changes,
)
from model.corpora.records import LabelledCorpus, Remark
from model.evaluation.matching import Kind
from model.evaluation.mistakes import FrequentMistake, find_mistakes, most_frequent
from model.tags import Span
from model.text.escaping import harmless, shortened
from pipeline.console.text import aligned, counted

# What people do about each kind of mistake.
_VERBS: Mapping[Kind, str] = {
    "boundaries": "moved",
    "label": "relabelled",
    "both": "moved and relabelled",
    "missed": "added",
    "invented": "removed",
}
_WRITTEN: Mapping[Outcome, str] = {
    "decided": "the answer that was marked to count is written",
    "majority": "the answer of the majority is written",
    "open": "none is written",
}
_PAIRS = 10  # of people, whose agreement is told
_AROUND = 30  # characters on either side of an example
_SHOWN = 60


def told_in_words(
    path: str,
    corpora: Sequence[LabelledCorpus],
    texts: Sequence[AnsweredText],
    remarks: Sequence[Remark],
    listed: int,
) -> str:
    """The account; listed: how many of each kind of thing are named one by one."""
    written = [text.written for text in texts if text.written]
    labels = Counter(span.label for document in written for span in set(document.entities))
    lines = [_about_file(corpus) for corpus in corpora]
    if remarks:
        lines += ["", "warnings", *remark_lines(remarks, listed)]
    lines += ["", *_agreement_lines(texts, listed), *_change_lines(changes(written), listed)]
    lines += [f"{counted(len(written), 'document')} with {counted(labels.total(), 'span')}"]
    lines += [f"  {line}" for line in aligned([(f"{n:,}", k) for k, n in _ranked(labels)], (1,))]
    if written:
        lines += [f"written to {path}"]
    return "\n".join(map(harmless, lines))


def _about_file(corpus: LabelledCorpus) -> str:
    facts = [counted(len(corpus.documents), "answer"), *corpus.facts]
    return f"{corpus.path}: {', '.join(facts)}"


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _agreement_lines(texts: Sequence[AnsweredText], listed: int) -> Iterator[str]:
    whole = agreement(texts)
    if not whole.texts:
        return
    yield f"{counted(whole.texts, 'text')} with several answers, {_agreed(whole)}"
    yield from _pair_lines(texts)
    differing: dict[Outcome, list[AnsweredText]] = defaultdict(list)
    for text in texts:
        differing[text.outcome].append(text)
    for outcome, told in _WRITTEN.items():
        if differing[outcome]:
            some = differing[outcome]
            yield f"  people disagree on {counted(len(some), 'text')}, and {told}:"
            yield from (f"    {line}" for text in some[:listed] for line in _difference(text))
            if some[listed:]:
                rest = len(some) - listed
                yield f"    and {rest:,} more (--mistakes {len(some)} lists all)"
    yield ""


def _agreed(found: Agreement) -> str:
    return f"{found.equal:,} of them the same; F1 of the spans {found.f1:.4f}"


def _pair_lines(texts: Sequence[AnsweredText]) -> Iterator[str]:
    """The agreement of each two people, where there are more than two."""
    met: dict[tuple[str, str], list[AnsweredText]] = defaultdict(list)
    for text in texts:
        people = sorted({answer.annotator for answer in text.answers})
        for pair in combinations(people, 2):
            answers = [answer for answer in text.answers if answer.annotator in pair]
            same = len({answer.spans for answer in answers}) == 1
            met[pair].append(AnsweredText(answers, "agreed" if same else "open", None))
    if len(met) == 1:
        return
    for names, of_pair in sorted(met.items())[:_PAIRS]:
        found = agreement(of_pair)
        yield f"  {' and '.join(names)}: {counted(found.texts, 'text')}, {_agreed(found)}"
    if len(met) > _PAIRS:
        yield f"  and {len(met) - _PAIRS:,} more pairs of people"


def _difference(text: AnsweredText) -> Iterator[str]:
    """The text, and of each answer what not all have."""
    document = text.first
    yield f"{document.doc_id}: {_one_line(document.text, _SHOWN)!r}"
    shared = frozenset.intersection(*(answer.spans for answer in text.answers))
    for answer in text.answers:
        own = [_span_in_words(answer, span) for span in sorted(answer.spans - shared)]
        yield f"  {answer.annotator}: {', '.join(own) or 'none of these'}"


def _span_in_words(answer: GivenAnswer, span: Span) -> str:
    return f"{span.label} {_one_line(answer.document.text[span.start : span.end], _SHOWN)!r}"


def _change_lines(found: Changes, listed: int) -> Iterator[str]:
    shown = sum(len(text.predicted) for text in found.compared)
    if not found.compared:
        return
    unchanged = sum(list(text.gold) == list(text.predicted) for text in found.compared)
    texts = counted(len(found.compared), "text")
    yield f"{counted(shown, 'span')} shown in {texts}; {unchanged:,} of these were left as shown"
    labels = Counter(found.kept)
    for counts in found.changed.values():
        labels.update(counts)
    kinds = [kind for kind in _VERBS if found.changed.get(kind)]
    rows = [("label", "kept", *(_VERBS[kind] for kind in kinds))]
    rows += [
        (label, f"{found.kept[label]:,}", *(f"{found.changed[kind][label]:,}" for kind in kinds))
        for label, _ in _ranked(labels)
    ]
    yield from (f"  {line}" for line in aligned(rows))
    frequent = most_frequent(find_mistakes(found.compared), listed)
    if frequent:
        yield "the most frequent changes, with the first text of each"
        cells = [(f"{each.count:,}", *_change(each), _excerpt(each)) for each in frequent]
        yield from (f"  {line}" for line in aligned(cells, (1, 2, 3)))
    yield ""


def _change(each: FrequentMistake) -> tuple[str, str]:
    pair = each.example.pair
    labels = dict.fromkeys(filter(None, (pair.predicted_label, pair.gold_label)))
    return _VERBS[each.example.kind], " to ".join(map(harmless, labels))


def _excerpt(each: FrequentMistake) -> str:
    """The span in brackets, as it is now, or else was, with what is around it."""
    text, span = each.example.source.text, each.example.pair.spans[0]
    before, within, after = text[: span.start], text[span.start : span.end], text[span.end :]
    around = (before[-_AROUND:], f"[{within}]", after[:_AROUND])
    return _one_line("".join(around), 3 * _SHOWN)


def _one_line(text: str, most: int) -> str:
    return harmless(shortened(" ".join(text.split()), most))
