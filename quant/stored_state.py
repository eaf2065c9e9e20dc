"""What a filter remembers, as bytes: plain arrays under their names, and whose parameters they belong to.

Here: the one form in which states travel. Not here: what a state holds (quant.regimes, quant.universe_regimes), where
it is kept (pipelines).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

State = TypeVar("State")


def state_bytes(fingerprint: str, arrays: Mapping[str, Any]) -> bytes:
    """An uncompressed .npz without pickle; the same state gives the same bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, fingerprint=np.array(fingerprint), **arrays)
    return buffer.getvalue()


def state_of(raw: bytes, what: str, build: Callable[[str, dict[str, NDArray[Any]]], State]) -> State:
    """Inverse of `state_bytes`: `build` makes the state of its fingerprint and its arrays.

    Raises ValueError when the bytes are no such state; `what` names it.
    """
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return build(str(arrays.pop("fingerprint")), arrays)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"not {what}: {error}") from error
