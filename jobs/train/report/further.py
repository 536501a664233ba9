"""What is learnt beside gold, as text for a terminal."""

from collections.abc import Iterator, Sequence

from jobs.evaluate.terminal import format_scores, remark_lines
from jobs.train.data.further import Further
from jobs.train.data.silver import Agreement, SilverPart
from model.corpora.records import Remark
from model.text.escaping import harmless
from pipeline.console.text import counted, listed

_PAIRS_SHOWN = 8


def format_further(further: Further, places: int) -> str:
    """The teachers, how each agrees with gold, and the text; empty without any, no final newline.

    places: how many of those that a warning speaks of are named.
    """
    lines: list[str] = []
    for part in further.silver:
        lines += ["", *_part_lines(part)]
    if further.text:
        tokens = sum(map(len, further.text))
        lines += ["", f"text without labels: {len(further.text):,} sentences, {tokens:,} tokens"]
    remarks = [
        *(remark for part in further.silver for remark in part.remarks),
        *(Remark(harmless(warning)) for warning in further.warnings),
    ]
    if remarks:
        lines += ["", "warnings", *remark_lines(remarks, places)]
    return "\n".join(lines[1:])


def _part_lines(part: SilverPart) -> Iterator[str]:
    spans = [f"{harmless(label)} {count:,}" for label, count in part.spans.items()]
    yield f"silver of {harmless(part.origin)}: {counted(len(part.sentences), 'sentence')}"
    yield f"  spans: {listed(spans) if spans else 'none'}"
    found = part.agreement
    if found is None:
        yield (
            "  none of its texts is in --train or --dev: how it agrees with gold is not known; let "
            "it label these texts too"
        )
        return
    yield (
        f"  it has {counted(found.sentences, 'sentence')} of gold, which are compared and learnt "
        "as gold says; its labels there, by what gold says:"
    )
    yield from (f"    {line}" for line in format_scores(found.scores).split("\n"))
    if pairs := _taken_for(found):
        yield f"  where they disagree: {listed(pairs, most=_PAIRS_SHOWN)}"


def _taken_for(found: Agreement) -> Sequence[str]:
    """What gold says, and what the teacher, the most frequent first."""
    names = [*map(harmless, found.taken_for.labels), "none"]
    pairs = [
        (count, gold, told)
        for gold, row in zip(names, found.taken_for.counts, strict=True)
        for told, count in zip(names, row, strict=True)
        if count and gold != told
    ]
    pairs.sort(key=lambda pair: -pair[0])
    return [f"{gold} in gold, {told} in silver {count:,}" for count, gold, told in pairs]
