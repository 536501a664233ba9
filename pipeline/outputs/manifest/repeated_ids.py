"""Ids that several records of a run share, found by hashes of bounded size.

Each file of `documents` brings the hashes of its ids, 8 bytes each; the commit sorts those of all
files. Of many ids a share is looked at: those whose hash is below a bound, which is the same in all
files, so that of an id either all records are seen or none. An id of k records is missed with the
chance that it is not in the share, whatever k is; in a share of s, n repeated ids are all missed
with the chance (1 - s)^n. Two ids have the same hash once in 10^19: of 4,000,000, in one of two
million runs.
"""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.records import FileResult, IdSample

RUN_IDS = 4_000_000  # that a run is expected to hold, in 32 MB
FILE_IDS = 2**20
_HASHES = 2.0**64
_BYTES = 8

Hashes = NDArray[np.uint64]


def expected_share(documents: int) -> float:
    """About how many documents a run has in, which share of the ids is looked at out."""
    return min(1.0, RUN_IDS / max(documents, 1))


def sample_ids(ids: Iterable[str], share: float) -> IdSample:
    """The hashes of those ids that are in the share."""
    digests = [hashlib.blake2b(each.encode(), digest_size=_BYTES).digest() for each in ids]
    return IdSample(share, _within(np.frombuffer(b"".join(digests), np.uint64), share).tobytes())


def merged(samples: Sequence[IdSample], most: int = FILE_IDS) -> IdSample:
    """Samples in, one of them all out; where it would be larger, of a smaller share."""
    share = min((sample.share for sample in samples), default=1.0)
    hashes = [_within(np.frombuffer(sample.hashes, np.uint64), share) for sample in samples]
    every = np.concatenate([np.zeros(0, np.uint64), *hashes])
    while len(every) > most:
        share /= 2
        every = _within(every, share)
    return IdSample(share, every.tobytes())


def repeated_ids_in_words(files: Iterable[FileResult]) -> str | None:
    """How many ids several records share, in a sentence; None where none was seen."""
    sample = merged([file.ids for file in files if file.table == "documents"], most=2 * RUN_IDS)
    hashes = np.frombuffer(sample.hashes, np.uint64)
    _, times = np.unique(hashes, return_counts=True)
    repeated = times[times > 1]
    if not len(repeated):
        return None
    seen = f" of the {len(times):,} looked at" if sample.share < 1 else ""
    ids = f"{len(repeated):,} document id" + ("" if len(repeated) == 1 else "s")
    return (
        f"{ids}{seen} came more than once, in {int(repeated.sum()):,} records: join entities to "
        "documents by source and record"
    )


def _within(hashes: Hashes, share: float) -> Hashes:
    return hashes if share >= 1 else hashes[hashes < np.uint64(share * _HASHES)]
