"""Where a labelled file breaks its own tag scheme; reading mends it as `conlleval` would."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from model.tags import OUTSIDE, TagScheme

_OPEN = frozenset("BIM")  # in BIOES, BMES and BILOU a span goes on after these
_CONTINUE = frozenset("IMEL")


@dataclass(frozen=True, slots=True)
class IllegalTag:
    """A tag that its file's scheme allows at no such place: `fault` is, say, `I-geo after O`.

    `line` is where the tag stands, from 1.
    """

    line: int
    fault: str


def illegal_tags(
    sentences: Iterable[tuple[Sequence[str], Sequence[int]]], scheme: TagScheme
) -> tuple[IllegalTag, ...]:
    """The tags of (tags, lines) sentences that break `scheme`, in order of their lines.

    - IOB2: `I-X` that follows neither `B-X` nor `I-X`;
    - IOB1: `B-X` that follows neither, since it only parts two spans of a label that touch;
    - BIOES and its spellings: `I-X` or `E-X` without an open `X`, and any other tag, or the end of
      the sentence, after `B-X` or `I-X`.
    """
    faults: dict[tuple[str | None, str | None], str | None] = {}  # few pairs, many tokens
    found = []
    for tags, lines in sentences:
        pairs = zip([None, *tags], [*tags, None], strict=True)
        for pair, line in zip(pairs, [*lines, lines[-1]], strict=True):
            if pair not in faults:
                faults[pair] = _fault(*pair, scheme)
            fault = faults[pair]
            if fault is not None:
                found.append(IllegalTag(line, fault))
    return tuple(sorted(found, key=lambda illegal: illegal.line))


def _fault(previous: str | None, tag: str | None, scheme: TagScheme) -> str | None:
    """What is wrong with `tag` after `previous`, None for the ends of the sentence."""
    before, after = previous or OUTSIDE, tag or OUTSIDE
    same_label = before[1:] == after[1:]
    if scheme == "BIOES":
        legal = (before[0] in _OPEN) == (after[0] in _CONTINUE)
        legal = legal and (same_label or after[0] not in _CONTINUE)
    else:
        # What continues a span in IOB2, and what parts two in IOB1, needs one of its label before.
        legal = after[0] != ("I" if scheme == "IOB2" else "B") or same_label
    if legal:
        return None
    if tag is None:
        return f"{previous} at the end of a sentence"
    return f"{tag} at the start of a sentence" if previous is None else f"{tag} after {previous}"
