"""How a file spells its tags: `B-per` here, elsewhere `b-per`, `B_per` and an `o` for `O`."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from model.tags import OUTSIDE, is_tag

_SPELT = re.compile(r"([BIMELSUbimelsu])([-_])(?=.)", re.DOTALL)
_OUTSIDE = (OUTSIDE, OUTSIDE.lower())


class TagSpelling(NamedTuple):
    """The case of a file's prefixes, what parts them from labels, and how it writes `O`."""

    separator: str = "-"
    lower: bool = False
    outside: str = OUTSIDE

    @classmethod
    def of(cls, tags: Mapping[str, int]) -> "TagSpelling":
        """The spelling of most of a file's tags, by how often each occurs; in doubt the usual."""
        spellings: Counter[tuple[str, bool]] = Counter()
        for tag, count in tags.items():
            if match := _SPELT.match(tag):
                spellings[match[2], match[1].islower()] += count
        usual = ("-", False)
        separator, lower = max(
            spellings, key=lambda one: (spellings[one], one == usual), default=usual
        )
        return cls(separator, lower, max(_OUTSIDE, key=lambda tag: tags.get(tag, 0)))

    def tag(self, spelt: str) -> str | None:
        """The tag that is spelt so, None where this spelling has no such tag."""
        if spelt == self.outside:
            return OUTSIDE
        match = _SPELT.match(spelt)
        if not match or match[2] != self.separator or match[1].islower() != self.lower:
            return None
        tag = f"{match[1].upper()}-{spelt[match.end() :]}"
        return tag if is_tag(tag) else None

    @property
    def example(self) -> str:
        """A tag in this spelling."""
        return f"{'b' if self.lower else 'B'}{self.separator}PER"


def could_be_tag(spelt: str) -> bool:
    """Whether a file may spell a tag so."""
    return spelt in _OUTSIDE or _SPELT.match(spelt) is not None
