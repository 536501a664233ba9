"""An evaluation as text tables for a terminal."""

from collections.abc import Iterator, Sequence

from jobs.evaluate.marked_sentence import Segment, cells, marked_sentence, shorten
from jobs.evaluate.report import Evaluation
from model.corpora.records import Remark
from model.evaluation.entity_scores import EntityScores
from model.evaluation.mistakes import KINDS, FrequentMistake, Mistake
from model.evaluation.muc import SCHEMES, VERDICTS, MucScores
from model.evaluation.speed import Speed
from model.text.escaping import harmless
from pipeline.console.text import aligned, counted

_ORIGIN_CELLS = 40
_NARROWEST = 40  # below this, lines are left to the terminal to wrap
_INDENT = " " * 7


def format_evaluation(found: Evaluation, width: int, places: int = 10) -> str:
    """Scores, kinds of mistakes and the most frequent ones, mistakes in lines of `width` cells.

    places: how many of those that a warning speaks of are named. Whatever stood in the data or in
    a name is harmless to print.
    """
    width = max(width, _NARROWEST)
    lines = [
        f"{found.model} on {found.corpus.path} ({found.size})",
        *(["", "warnings", *remark_lines(found.warnings, places), ""] if found.warnings else []),
        *format_scores(found.scores).split("\n"),
        "",
        *([format_speed(found.speed), ""] if found.speed else []),
        *_muc_lines(found.muc),
        "",
        *_kind_lines(found),
    ]
    if found.frequent:
        lines += ["", *_mistake_lines(found.frequent, width)]
        lines += ["", found.unlisted] if found.unlisted else []
    return "\n".join(map(harmless, lines))


def format_scores(scores: EntityScores) -> str:
    """The scores as a plain text table: one line a label, `micro`, `macro`, no final newline."""
    labels = [(harmless(label), row) for label, row in scores.labels.items()]
    rows = [("label", "precision", "recall", "f1", "support")]
    rows += [
        (name, f"{row.precision:.4f}", f"{row.recall:.4f}", f"{row.f1:.4f}", f"{row.support:,}")
        for name, row in [*labels, ("micro", scores.micro), ("macro", scores.macro)]
    ]
    return "\n".join(aligned(rows))


def format_speed(speed: Speed) -> str:
    """How fast a model is, by what way, on whose core."""
    way = "from raw text to entities" if speed.from_text else "from tokens, the model alone"
    return f"{rounded(speed)} tokens/s on one core ({harmless(speed.processor)}), {way}"


def rounded(speed: Speed) -> str:
    """Its tokens a second in the three digits that a measurement gives."""
    return f"{float(f'{speed.tokens_per_second:.3g}'):,.0f}"


def remark_lines(remarks: Sequence[Remark], listed: int) -> Iterator[str]:
    """Each remark, and the first `listed` of its places."""
    for remark in remarks:
        yield f"- {remark.text}"
        yield from (f"    {place}" for place in remark.places[:listed])
        rest = len(remark.places) - listed
        if rest > 0:
            yield f"    and {rest:,} more (--mistakes {len(remark.places)} lists all)"


def origin(mistake: Mistake) -> str:
    """Where a mistake's text stands: its document and its line."""
    parts = []
    if mistake.source.doc_id is not None:
        parts.append(f"document {shorten(mistake.source.doc_id, _ORIGIN_CELLS)}")
    if mistake.source.line is not None:
        parts.append(f"line {mistake.source.line:,}")
    return ", ".join(parts)


def _muc_lines(muc: MucScores) -> list[str]:
    rows = [("MUC", *VERDICTS, "f1", "macro f1")]
    for scheme in SCHEMES:
        counts, macro = muc.micro[scheme], muc.macro[scheme]
        numbers = [f"{getattr(counts, verdict):,}" for verdict in VERDICTS]
        rows.append((scheme, *numbers, f"{counts.scores.f1:.4f}", f"{macro.f1:.4f}"))
    return aligned(rows)


def _kind_lines(found: Evaluation) -> Iterator[str]:
    total = sum(found.kinds.values())
    yield counted(total, "mistake")
    for kind, words in KINDS.items():
        count = found.kinds[kind]
        yield f"  {words:<26}  {count:>7,}  {count / max(total, 1):>6.1%}"


def _mistake_lines(frequent: Sequence[FrequentMistake], width: int) -> Iterator[str]:
    yield "the most frequent, with the first sentence of each: [gold], <predicted>"
    header = ("times", "mistake", "gold", "predicted", "text")
    rows = []
    for each in frequent:
        labels = (each.example.pair.gold_label, each.example.pair.predicted_label)
        gold, predicted = (shorten(label or "-", width // 5) for label in labels)
        kind = KINDS[each.example.kind]
        rows.append((f"{each.count:,}", kind, gold, predicted, each.surface))
    widths = [max(cells(row[n]) for row in [header, *rows]) for n in range(len(header) - 1)]
    room = max(width - sum(widths) - 2 * len(widths), 10)
    yield _row(header, widths, room)
    for row, each in zip(rows, frequent, strict=True):
        yield _row(row, widths, room)
        confidence = each.example.confidence
        sure = "" if confidence is None else f", confidence {confidence:.2f}"
        yield f"{_INDENT}{origin(each.example)}{sure}"
        marks = 4  # a pair of brackets for each side
        yield _INDENT + _marked(marked_sentence(each.example, width - len(_INDENT) - marks))


def _row(row: Sequence[str], widths: Sequence[int], room: int) -> str:
    times, *names = row[:-1]
    padded = [name + " " * (to - cells(name)) for name, to in zip(names, widths[1:], strict=True)]
    return "  ".join([times.rjust(widths[0]), *padded, shorten(row[-1], room)])


def _marked(segments: Sequence[Segment]) -> str:
    """The segments with brackets where an entity begins and ends."""
    text = ""
    before = Segment("")
    for segment in [*segments, Segment("")]:
        text += ">" * (before.predicted and not segment.predicted)
        text += "]" * (before.gold and not segment.gold)
        text += "[" * (segment.gold and not before.gold)
        text += "<" * (segment.predicted and not before.predicted)
        text += segment.text
        before = segment
    return text
