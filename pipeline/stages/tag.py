"""TagBatches: padded batches in, documents with their entities out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import apache_beam as beam
from apache_beam.ml.inference.base import ModelHandler, RunInference
from apache_beam.pvalue import PCollection

from model.gazetteer.matching import Gazetteer
from model.tagger.arithmetic import start_arithmetic
from model.tagger.artifact import load_artifact
from model.tagger.encoding import FOLDED_WORDS
from model.tagger.padding import pad_documents
from pipeline.filesystems.model_files import read_model
from pipeline.stages.dead_letters import (
    DEAD_LETTERS,
    DocumentOutputs,
    NamedPTransform,
    in_halves,
    routed,
    set_aside,
)
from schemas.errors import ArtifactError
from schemas.records import DeadLetter, PaddedBatch, TaggedDocument, TokenizedDocument

if TYPE_CHECKING:
    from model.tagger.tagger import Tagger

STAGE = "TagBatches"

Result = TaggedDocument | DeadLetter


Outputs = DocumentOutputs[TaggedDocument]


class TagBatches(NamedPTransform[PCollection[PaddedBatch], Outputs]):
    """Padded batches in, one tagged document or dead letter for each of their documents out.

    The model is loaded once in each worker process, verified, and shared by its threads.
    """

    def __init__(self, handler: "ModelHandler[Any, Result, Tagger]") -> None:
        super().__init__()
        self.handler = handler

    def expand(self, batches: PCollection[PaddedBatch]) -> Outputs:
        # Under `with_no_batching` an element is itself the batch that `run_inference` gets.
        results = (
            batches
            | "RunInference" >> RunInference(self.handler.with_no_batching())
            # Dead letters get an output of their own, which RunInference has not.
            | "SetAside" >> beam.Map(routed).with_outputs(DEAD_LETTERS, main="documents")
        )
        return Outputs(*results)


@dataclass(eq=False)
class TaggerHandler(ModelHandler[TokenizedDocument, Result, "Tagger"]):
    """Loads a tagger, by what `settle_model` says names it, and runs batches through it.

    identity: the artifact that was checked when the job was submitted; a worker that finds another
    one raises ArtifactError. threads: TensorFlow threads in each process, None for all cores.
    folded_words: distinct words whose rows are kept ready. min_confidence: entities below it are
    left out. gazetteer: what loads the terms that count beside the model.
    """

    model: str
    identity: str
    threads: int | None = None
    folded_words: int = FOLDED_WORDS
    min_confidence: float = 0.0
    gazetteer: Callable[[], Gazetteer] | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def load_model(self) -> "Tagger":
        artifact = load_artifact(read_model(self.model), self.model)
        if artifact.identity != self.identity:
            raise ArtifactError(
                f"{self.model} holds {artifact.identity}, the job was submitted for {self.identity}"
            )
        start_arithmetic(self.threads)
        from model.tagger.tagger import Tagger

        terms = self.gazetteer() if self.gazetteer else None
        return Tagger(artifact, self.folded_words, self.min_confidence, terms)

    def run_inference(  # type: ignore[override]  # the element is the batch, see TagBatches
        self,
        batch: PaddedBatch,
        model: "Tagger",
        inference_args: dict[str, Any] | None = None,
    ) -> Sequence[Result]:
        """What the model finds. A batch that fails is tagged in halves, down to the culprits."""

        def tag(documents: Sequence[TokenizedDocument]) -> Sequence[TaggedDocument]:
            whole = len(documents) == len(batch)
            return model.tag(batch if whole else pad_documents(documents))

        # A list, not a generator: Beam draws from a generator outside its own error handling.
        return in_halves(batch.documents, tag, set_aside(STAGE))

    def get_num_bytes(self, batch: PaddedBatch) -> int:  # type: ignore[override]  # as above
        """Bytes of the padded arrays; the default would pickle every batch to find out."""
        return sum(bucket.words.nbytes for bucket in batch.buckets)

    def get_metrics_namespace(self) -> str:
        return STAGE
