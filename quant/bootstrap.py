"""The stationary bootstrap: days drawn in blocks, so that what hangs together in time is drawn together.

Here: which days are drawn how often. Not here: what is computed on them (quant.events, quant.scoring).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def resampled_days(length: int, block: int, replications: int, seed: int) -> FloatArray:
    """How often each of `length` days is drawn in each replication of the stationary bootstrap.

    Blocks have geometric lengths of mean `block` (Politis & Romano 1994) and wrap around the end. Ready to weigh days
    with: whole numbers as float64[replications, length], each row sums to `length`. The same seed gives the same days.
    """
    rng = np.random.default_rng(seed)
    return np.stack(
        [_blocks(rng.integers(length, size=length), rng.random(length), block) for _ in range(replications)]
    )


def _blocks(first: IntArray, chance: FloatArray, block: int) -> FloatArray:
    """One replication: a block begins where the chance says so, at the day proposed for that place."""
    begins = chance <= 1.0 / block
    begins[0] = True
    place = np.arange(len(first))
    begun = np.maximum.accumulate(np.where(begins, place, 0))
    days = (first[begun] + place - begun) % len(first)
    return np.bincount(days, minlength=len(first)).astype(np.float64)
