"""How the words of a labelled corpus are cut, which extraction then does too."""

from itertools import chain

from model.corpora.projection import project_document
from model.corpora.records import LabelledCorpus
from model.text.scripts import count_without_blanks
from model.text.segmentation import Segmentation, TokenStyle, split_word

# Of the words of GMB 2 % are whole only in the one style, of BC5CDR's none: it cuts everywhere.
_WHOLE_SHARE = 0.001


def cuts_characters(corpus: LabelledCorpus) -> bool:
    """Whether a corpus has text in scripts without blanks, which are cut into characters then."""
    words = {word for sentence in corpus.sentences for word in sentence.words}
    texts = (document.text for document in corpus.documents)
    return any(map(count_without_blanks, chain(words, texts)))


def token_style(corpus: LabelledCorpus, language: str) -> TokenStyle:
    """The token style that fits a corpus in a language (ISO 639-1).

    "fine" for other languages than English, whose titles and clitics "whole" goes by.

    Sentences: "whole" where at least one word in a thousand is so only in that style. Documents:
    "fine" where more spans fit no tokens without it, since a span may end within a whole word.
    """
    if language != "en":
        return "fine"
    if corpus.documents:
        fine, whole = (
            sum(
                len(project_document(document, Segmentation(tokens=style)).misfits)
                for document in corpus.documents
            )
            for style in ("fine", "whole")
        )
        return "whole" if whole <= fine else "fine"
    words = [word for sentence in corpus.sentences for word in sentence.words]
    kept = {
        word: len(split_word(word)) > 1 and len(split_word(word, "whole")) == 1
        for word in set(words)
    }
    share = sum(kept[word] for word in words) / max(len(words), 1)
    return "whole" if share >= _WHOLE_SHARE else "fine"
