"""What is odd about a labelled file that is read all the same, in sentences that say what to do."""

from collections.abc import Iterator, Sequence, Sized

from model.corpora.illegal_tags import IllegalTag
from model.corpora.projection import Misfit
from model.corpora.records import Encoding, Remark
from model.tags import TagScheme
from model.text.escaping import harmless, shortened

_TEXT_SHOWN = 60

_FATES = {
    "boundary": "begins or ends within a token or a blank",
    "sentence": "crosses sentences",
    "overlap": "overlaps a span that is tagged instead",
    "blank": "covers no token",
}


def about_encoding(path: str, encoding: Encoding) -> Iterator[Remark]:
    """That a file speaks for cp1252, if it does."""
    if encoding == "cp1252":
        yield Remark(
            f"{harmless(path)} is read as latin-1, but its bytes 0x80-0x9f are quotes and "
            "dashes in cp1252: if it is that, convert it with iconv -f cp1252 -t utf-8"
        )


def about_tags(
    path: str, scheme: TagScheme | None, illegal_tags: Sequence[IllegalTag]
) -> Iterator[Remark]:
    """The tags that break their scheme, if there are any."""
    path = harmless(path)
    if illegal_tags:
        yield Remark(
            f"{_these(illegal_tags, 'tag', path)} illegal in {scheme}, and read as "
            "conlleval would, which may part entities: correct them",
            tuple(f"{path}:{tag.line}: {harmless(tag.fault)}" for tag in illegal_tags),
        )


def about_misfits(path: str, misfits: Sequence[Misfit], advice: str) -> Iterator[Remark]:
    """The spans that are not whole tokens of one sentence, if there are any."""
    if misfits:
        path = harmless(path)
        text = f"{_these(misfits, 'span', path)} not whole tokens of one sentence"
        yield Remark(f"{text}: {advice}", tuple(_misfit_place(path, misfit) for misfit in misfits))


def _misfit_place(path: str, misfit: Misfit) -> str:
    span = misfit.span
    line = "" if misfit.line is None else f":{misfit.line}"
    place = (
        f"{path}{line}: {harmless(misfit.doc_id)} [{span.start}, {span.end}) "
        f"{harmless(span.label)} {_quoted(misfit.text)} {_FATES[misfit.kind]}"
    )
    return f"{place}; tagged: {', '.join(map(_quoted, misfit.tagged))}" if misfit.tagged else place


def _these(things: Sized, noun: str, path: str) -> str:
    count = len(things)
    return f"{count:,} {noun}{'' if count == 1 else 's'} of {path} {'is' if count == 1 else 'are'}"


def _quoted(text: str) -> str:
    return repr(shortened(text, _TEXT_SHOWN))
