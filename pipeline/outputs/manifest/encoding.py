"""A manifest as the bytes of its file, and back."""

import json
from datetime import datetime

import msgspec

from pipeline.outputs.manifest.validation import require_manifest
from schemas.manifest import Manifest

# What stood in the error of a run that was taken back, until its status said so.
_TAKEN_BACK = "rolled back on "


def parse_manifest(data: bytes, path: str) -> Manifest:
    """The bytes of the file at a path in, the manifest out.

    Before runs that were taken back had a status of their own, they were failed ones.
    Raises ValueError, with the path, for what is no manifest that can be believed.
    """
    try:
        manifest = require_manifest(_decoded(data), path.rpartition("/")[2])
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error
    told = manifest.get("error", "")
    if not told.startswith(_TAKEN_BACK):
        return manifest
    del manifest["error"]
    at = datetime.fromisoformat(told.removeprefix(_TAKEN_BACK).replace(" UTC", "+00:00"))
    return {**manifest, "status": "rolled_back", "rolled_back_at": at.isoformat()}


def _decoded(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError("is not the manifest of a run, it may be damaged: no JSON") from error


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest as the bytes of its file: what holds no list or object stands on one line.

    With a line for each value, 100,000 inputs and files took twice the memory to encode.
    """
    return _json_lines(manifest, "\n").encode() + b"\n"


def _json_lines(value: object, line: str) -> str:
    """A value as JSON; `line` begins a line that is indented as the value is."""
    within = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not any(isinstance(inner, dict | list) for inner in within):
        return json.dumps(value, ensure_ascii=False)
    deeper = line + " "
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {_json_lines(inner, deeper)}" for key, inner in value.items()]
    else:
        parts = [_json_lines(inner, deeper) for inner in within]
    start, end = "{}" if isinstance(value, dict) else "[]"
    return start + deeper + ("," + deeper).join(parts) + line + end
