"""Markets whose regimes are known, and how close a detector comes to the oracle that knows every parameter.

Here: the oracle's answer, a detector's score and cost on the same paths, finding the real history beside the
repository. Not here: the markets and the scores themselves (benchmarks.known_markets), the detectors.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import known_markets
from quant.regimes import label_with_hysteresis

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Found = tuple[IntArray, FloatArray | None]
"""Labels int64[T] in {-1, 0, 1}, and P(inverse), P(decoupled), P(coupled) float64[T, 3] from those who know them."""
Detector = Callable[[FloatArray], Found]


class Judged(NamedTuple):
    """A detector's scores, keyed as by the suite's `score`, and the processor's milliseconds for one path."""

    scores: dict[str, Any]
    milliseconds: float


class Market(NamedTuple):
    """Paths of one scenario, and what the oracle makes of them."""

    drawn: dict[str, Any]
    oracle: Judged

    def judge(self, detect: Detector) -> Judged:
        """Run the detector on every path."""
        paths: FloatArray = self.drawn["returns"]
        detect(paths[0][:600].copy())  # compile and import outside the clock
        begun = time.process_time()
        found = [detect(returns.copy()) for returns in paths]
        spent = time.process_time() - begun
        probabilities = [p for _, p in found if p is not None]
        scores = known_markets.score(
            np.array([labels for labels, _ in found]),
            self.drawn["labels"],
            np.array(probabilities) if probabilities else None,
        )
        return Judged(scores, 1e3 * spent / len(paths))


def market(scenario: str, paths: int, salt: str) -> Market:
    """Simulate one scenario and ask the oracle; its labels leave a regime by the same rule as ours."""
    drawn = known_markets.simulate(scenario, paths, salt=salt)
    begun = time.process_time()
    probabilities = known_markets.oracle_probs(drawn)
    spent = time.process_time() - begun
    labels = np.array([label_with_hysteresis(p) for p in probabilities])
    return Market(drawn, Judged(known_markets.score(labels, drawn["labels"], probabilities), 1e3 * spent / paths))


def beside_repository(*parts: str) -> Path | None:
    """A file in a folder `shared` above the checkout; says on stderr what is skipped when there is none."""
    for folder in Path(__file__).resolve().parents:
        path = folder.joinpath("shared", *parts)
        if path.exists():
            return path
    print(f"skipped: shared/{'/'.join(parts)} not found beside the repository", file=sys.stderr)
    return None
