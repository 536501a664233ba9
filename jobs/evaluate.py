"""Score a model on labelled data: `python -m jobs.evaluate --model DIR_OR_NAME --data FILE`.

Labelled tokens are scored by tokens; JSONL documents with gold spans are read as raw text and
scored by code points, through the code that extraction runs.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from model.artifact import find_artifact, load_artifact, read_files
from model.corpora import LabelledCorpus, read_labelled
from model.metrics import EntityScores, format_scores
from model.runtime import start_tensorflow
from pipeline.command_line import Parser, account, main, require_file
from schemas.errors import UsageError

if TYPE_CHECKING:
    from model.tagger import Tagger


def run(arguments: Sequence[str]) -> int:
    """Print the scores, and write them as JSON where asked; returns the exit code."""
    flags = _parser().parse(arguments)
    require_file("--json", flags.json)
    directory = find_artifact(flags.model)
    artifact = load_artifact(read_files(directory), str(directory))
    corpus = read_labelled(flags.data)

    # TensorFlow is imported only when nothing is left that could be a mistake in the flags.
    start_tensorflow()
    from model.tagger import Tagger

    scores = _score(Tagger(artifact), corpus)
    account(f"{artifact.identity} on {flags.data} ({_size(corpus)})\n{format_scores(scores)}")
    if flags.json:
        try:
            Path(flags.json).write_text(json.dumps(scores.to_json(), indent=2) + "\n")
        except OSError as error:
            raise UsageError(f"--json {flags.json} cannot be written: {error.strerror}") from error
    return 0


def _score(tagger: "Tagger", corpus: LabelledCorpus) -> EntityScores:
    from model.evaluation import score_documents, score_sentences
    from model.segmentation import retokenize

    if corpus.documents:
        return score_documents(tagger, corpus.documents)[0]
    pairs = [retokenize(sentence.words, sentence.tags) for sentence in corpus.sentences]
    return score_sentences(tagger, [words for words, _ in pairs], [tags for _, tags in pairs])[0]


def _size(corpus: LabelledCorpus) -> str:
    if corpus.documents:
        return f"{len(corpus.documents):,} documents, from raw text"
    return f"{len(corpus.sentences):,} sentences"


def _parser() -> Parser:
    parser = Parser(prog="python -m jobs.evaluate", description=__doc__)
    parser.add_argument("--model", required=True, metavar="DIR_OR_NAME")
    parser.add_argument("--data", required=True, metavar="FILE", help="any labelled file")
    parser.add_argument("--json", metavar="FILE", help="where the scores go as JSON")
    return parser


if __name__ == "__main__":
    main(run)
