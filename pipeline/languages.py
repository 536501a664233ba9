"""What languages and scripts a run's texts are in: counted, told of, and left out if asked."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from model.text.identification import identify
from model.text.scripts import count_without_blanks
from pipeline.inputs.formats import Record
from schemas.manifest import Aside
from schemas.records import Document

# Below these shares nothing is said: names and quotations from elsewhere are in any text, and of
# short texts some are taken for another language.
_LEAST_FOREIGN = 0.05
_LEAST_WITHOUT_BLANKS = 0.01
_NAMED = 3
_LANGUAGE, _WITHOUT_BLANKS = "language/", "characters_without_blanks"


def language_sums(texts: Iterable[str], sample: Iterable[str]) -> dict[str, int]:
    """Texts in, characters of scripts without blanks out, and the languages of those of `sample`.

    A text whose language is not sure is in no count.
    """
    found = Counter(filter(None, map(identify, sample)))
    return {
        _WITHOUT_BLANKS: sum(map(count_without_blanks, texts)),
        **{f"{_LANGUAGE}{code}": count for code, count in found.items()},
    }


def language_warnings(
    sums: Mapping[str, int], language: str | None, *, cuts_characters: bool
) -> Iterator[str]:
    """Sums over all texts in, what a person should know of them in view of the model out.

    sums: with those of `language_sums`, `characters` in all; language: the model's, if known;
    cuts_characters: whether the model cuts scripts without blanks into characters.
    """
    share = sums.get(_WITHOUT_BLANKS, 0) / max(sums["characters"], 1)
    if share >= _LEAST_WITHOUT_BLANKS and not cuts_characters:
        yield (
            f"{share:.1%} of the characters are of scripts without blanks between words (Chinese, "
            "Japanese, Thai, Lao, Khmer, Burmese), which this model does not cut into words: what "
            "it finds there means little; a model that is trained on such text cuts it"
        )
    found = {
        name.removeprefix(_LANGUAGE): count
        for name, count in sums.items()
        if name.startswith(_LANGUAGE)
    }
    total = sum(found.values())
    others = sorted(((n, code) for code, n in found.items() if code != language), reverse=True)
    foreign = sum(n for n, _ in others)
    if language and foreign and foreign >= _LEAST_FOREIGN * total:
        named = ", ".join(f"{code} {n / total:.1%}" for n, code in others[:_NAMED])
        more = ", ..." if others[_NAMED:] else ""
        yield (
            f"{foreign:,} of {total:,} documents whose language was found out are in another than "
            f"the model's, {language}: {named}{more}; --languages {language} leaves them out"
        )


@dataclass(frozen=True, slots=True)
class LanguageScreen:
    """Loads what leaves out documents that are surely in none of these languages.

    Dead letters stay, and so do documents whose language is not sure, such as short ones.
    """

    languages: tuple[str, ...]

    def __call__(self) -> Callable[[Record], Aside | None]:
        return self._why_aside

    def _why_aside(self, record: Record) -> Aside | None:
        if not isinstance(record, Document):
            return None
        language = identify(record.text)
        return None if language is None or language in self.languages else "left_out"
