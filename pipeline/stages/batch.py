"""BatchByTokens: tokenized documents in, lists of them within a budget of tokens out."""

import apache_beam as beam
from apache_beam.pvalue import PCollection

from schemas.records import TokenizedDocument

Batch = list[TokenizedDocument]

# What a document holds beside tokens counts where it is far more than they are: blanks, kept
# fields. A token of ordinary text has about 6 characters with its blank.
_TOKEN_CHARACTERS = 100


class BatchByTokens(beam.PTransform[PCollection[TokenizedDocument], PCollection[Batch]]):
    """Documents in, batches of at most `tokens` tokens out; a longer document stands alone.

    A batch with equal bounds follows the budget alone: with a range, Beam would tune the size by
    the clock, and two runs would differ.
    """

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.tokens = tokens

    def expand(self, documents: PCollection[TokenizedDocument]) -> PCollection[Batch]:
        return (
            documents
            | "Batch"
            >> beam.BatchElements(
                min_batch_size=self.tokens,
                max_batch_size=self.tokens,
                element_size_fn=batch_weight,
            )
            # Beam emits an empty batch before a first element that exceeds the budget.
            | "DropEmpty" >> beam.Filter(bool)
        )


def batch_weight(document: TokenizedDocument) -> int:
    """Tokens of a document, or one for each 100 characters that it holds; at least 1.

    So empty documents fill a batch too, and those with large kept fields do not fill the memory.
    """
    return max(1, len(document.words), document.document.characters // _TOKEN_CHARACTERS)
