"""TagBatches: padded batches in, documents with their entities out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apache_beam as beam
from apache_beam.ml.inference.base import ModelHandler, RunInference
from apache_beam.pvalue import PCollection

from model.artifact import load_artifact, read_files
from model.encoding import FOLDED_WORDS
from model.runtime import start_tensorflow
from schemas.errors import ArtifactError
from schemas.records import PaddedBatch, TaggedDocument, TokenizedDocument

if TYPE_CHECKING:
    from model.tagger import Tagger


class TagBatches(beam.PTransform[PCollection[PaddedBatch], PCollection[TaggedDocument]]):
    """Padded batches in, one tagged document for each of their documents out.

    The model is loaded once in each worker process, verified, and shared by its threads.
    """

    def __init__(self, handler: "ModelHandler[Any, TaggedDocument, Tagger]") -> None:
        super().__init__()
        self.handler = handler

    def expand(self, batches: PCollection[PaddedBatch]) -> PCollection[TaggedDocument]:
        # Under `with_no_batching` an element is itself the batch that `run_inference` gets.
        return batches | "RunInference" >> RunInference(self.handler.with_no_batching())


class TaggerHandler(ModelHandler[TokenizedDocument, TaggedDocument, "Tagger"]):
    """Loads a tagger from a model directory, and runs batches through it.

    identity: the artifact that was checked when the job was submitted; a worker that finds another
    one raises ArtifactError. threads: TensorFlow threads in each process, None for all cores.
    folded_words: distinct words whose rows are kept ready. min_confidence: entities below it are
    left out.
    """

    def __init__(
        self,
        directory: str,
        identity: str,
        threads: int | None = None,
        folded_words: int = FOLDED_WORDS,
        min_confidence: float = 0.0,
    ) -> None:
        super().__init__()
        self.directory = directory
        self.identity = identity
        self.threads = threads
        self.folded_words = folded_words
        self.min_confidence = min_confidence

    def load_model(self) -> "Tagger":
        artifact = load_artifact(read_files(Path(self.directory)), self.directory)
        if artifact.identity != self.identity:
            raise ArtifactError(
                f"{self.directory} holds {artifact.identity}, the job was submitted for "
                f"{self.identity}"
            )
        start_tensorflow(self.threads)
        from model.tagger import Tagger

        return Tagger(artifact, self.folded_words, self.min_confidence)

    def run_inference(  # type: ignore[override]  # the element is the batch, see TagBatches
        self,
        batch: PaddedBatch,
        model: "Tagger",
        inference_args: dict[str, Any] | None = None,
    ) -> Sequence[TaggedDocument]:
        # A list, not a generator: Beam draws from a generator outside its own error handling.
        return model.tag(batch)

    def get_num_bytes(self, batch: PaddedBatch) -> int:  # type: ignore[override]  # as above
        """Bytes of the padded arrays; the default would pickle every batch to find out."""
        return sum(bucket.words.nbytes for bucket in batch.buckets)

    def get_metrics_namespace(self) -> str:
        return "TagBatches"
