"""What a table keeps between nights, so that nothing is computed again that cannot have changed.

Here: parts of a table as they were computed on an earlier night, how far what they stand on is still the same, and the
sample that is computed anew all the same. Not here: what a part is (assets.marts, assets.derived), where its bytes lie
(pipelines.warehouse.kept).

A kept part holds the rows themselves and all they were made from. Both sides are compared bit for bit, so it does not
matter which night it is from: a value restated since costs what comes after it, another parameter or other code costs
the part.
"""

from __future__ import annotations

import hashlib
import platform
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from assets.framework.contract import Table
from quant.stored_state import state_bytes, state_of

FloatArray = NDArray[np.float64]

RENEWED_AFTER = timedelta(days=30)  # computing a month of sessions costs less than writing all of them every night

_QUANT = Path(__file__).parents[2] / "quant"
_COMPUTES = ("numba", "numpy", "polars", "scipy")  # what a last bit may depend on


Compute = Callable[[pl.DataFrame | None], pl.DataFrame]
"""All rows of a part, ordered by the day in their first column, from those that are known: from nothing where None."""


class Kept(Protocol):
    """What a table's function may ask for by the name `kept`."""

    def continued(
        self, part: str, stands_on: Sequence[FloatArray], compute: Compute, parameters: object = None
    ) -> pl.DataFrame:
        """All rows of a part, bit for bit as computed from nothing.

        part: its name in the table. stands_on: all that it is made from, float64[N, K] each, ordered by the first
        column, the number of a day; a row of the part depends on nothing after its own day. parameters: what else it
        depends on, but for the code, with a `repr` that says it all.
        """


class Anew:
    """Keeps nothing: everything is computed."""

    def continued(
        self, part: str, stands_on: Sequence[FloatArray], compute: Compute, parameters: object = None
    ) -> pl.DataFrame:
        """All rows of a part."""
        return compute(None)


ANEW = Anew()


class KeptBytes(Protocol):
    """Where parts lie between nights."""

    def kept(self, contract: type[Table]) -> Mapping[str, bytes]:
        """Every kept part of a table, by name."""


@dataclass(frozen=True)
class Keeping:
    """What is kept of a table from tonight on: parts that stay as they lie, others written when asked for.

    doubt: why nothing that was kept is believed; empty where the sample was what computing says.
    """

    standing: tuple[str, ...]
    renewed: Mapping[str, Callable[[], bytes]]
    doubt: str = ""


class KeptParts:
    """Implements Kept over what was stored; code: the file whose function computes."""

    def __init__(self, stored: Mapping[str, bytes], code: Path, as_of: date) -> None:
        """Draws the part that is computed anew: before they are made, so that of no other anything is held."""
        self._stored, self._code = dict(stored), code
        self._drawn = random.Random(as_of.toordinal()).choice(sorted(stored)) if stored else None
        self._sample: tuple[pl.DataFrame, Compute] | None = None
        self._standing: list[str] = []
        self._renewed: dict[str, Callable[[], bytes]] = {}

    def continued(
        self, part: str, stands_on: Sequence[FloatArray], compute: Compute, parameters: object = None
    ) -> pl.DataFrame:
        """Takes over what is dated before the first day on which anything differs."""
        mark = _fingerprint(self._code, parameters)
        stored = _stored_rows(self._stored.pop(part, None), mark, stands_on)
        known = None if stored is None else stored.known
        rows = compute(known)
        if stored is not None and part == self._drawn:
            self._sample = rows, compute
        if stored is not None and stored.is_whole and _days(stored.known, rows) <= RENEWED_AFTER:
            self._standing.append(part)
        else:
            self._renewed[part] = partial(_bytes, mark, stands_on, rows)
        return rows

    def contradicted(self) -> str | None:
        """Compute the part that was drawn anew, another every night; its name where that is not what was taken over."""
        if self._sample is None:
            return None
        rows, compute = self._sample
        return None if _same(rows, compute(None)) else self._drawn

    def keeping(self, doubt: str = "") -> Keeping:
        """What there is to store."""
        return Keeping(tuple(self._standing), self._renewed, doubt)


def computed_with_past(
    contract: type[Table], function: Callable[[Kept], pl.DataFrame], code: Path, lies_in: KeptBytes, as_of: date
) -> tuple[pl.DataFrame, Keeping]:
    """A table's rows and what to keep of them; where the sample differs, all from nothing."""
    kept = KeptParts(lies_in.kept(contract), code, as_of)
    frame = function(kept)
    wrong = kept.contradicted()
    if wrong is None:
        return frame, kept.keeping()
    kept = KeptParts({}, code, as_of)
    return function(kept), kept.keeping(
        f"{contract.full_name()}: what was kept of {wrong} is not what computing it anew says; "
        f"the whole table was computed anew, and nothing kept before is believed"
    )


def days_of(days: pl.Series) -> FloatArray:
    """The numbers of days, as the first column of what a part stands on."""
    return days.to_physical().cast(pl.Float64).to_numpy()


def numbers_of(frame: pl.DataFrame) -> FloatArray:
    """Dates, numbers and yes or no as float64[N, K]; null is NaN."""
    return np.ascontiguousarray(frame.select(pl.all().to_physical().cast(pl.Float64)).to_numpy())


# ---------------------------------------------------------------------- what still stands
@dataclass(frozen=True)
class _Stored:
    """The rows of an earlier night from before anything changed, and whether they are all it had."""

    known: pl.DataFrame
    is_whole: bool


def _stored_rows(raw: bytes | None, mark: str, stands_on: Sequence[FloatArray]) -> _Stored | None:
    """What still stands of a part; None where nothing does."""
    try:
        fingerprint, rows, stood_on = state_of(raw, "a kept part", _stored_part) if raw else ("", None, [])
    except ValueError:  # damaged, or of a form that is no longer written: as good as nothing
        return None
    if rows is None or fingerprint != mark or len(stood_on) != len(stands_on):
        return None
    changed = min((_first_change(a, b) for a, b in zip(stood_on, stands_on, strict=True)), default=np.inf)
    known = rows[: int(np.searchsorted(days_of(rows[rows.columns[0]]), changed))]
    return None if known.is_empty() else _Stored(known, known.height == rows.height)


def _first_change(before: FloatArray, now: FloatArray) -> float:
    """The first day of which one side says something else than the other; infinite where they are the same."""
    if before.shape[1:] != now.shape[1:]:
        return -np.inf
    common = min(len(before), len(now))
    same = (_bits(before[:common]) == _bits(now[:common])).all(axis=1)
    at = common if same.all() else int(same.argmin())
    return min((float(side[at, 0]) for side in (before, now) if at < len(side)), default=np.inf)


def _days(known: pl.DataFrame, rows: pl.DataFrame) -> timedelta:
    """How far what is known lies behind."""
    last, newest = (frame[frame.columns[0]][-1] for frame in (known, rows))
    return timedelta(days=(newest - last).days)


def _same(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    """Bit for bit: `equals` takes 0.0 for -0.0."""
    floats = [name for name, kind in one.schema.items() if kind in (pl.Float64, pl.List(pl.Float64))]
    return one.equals(other) and all(np.array_equal(_values(one[c]), _values(other[c])) for c in floats)


def _values(series: pl.Series) -> NDArray[np.int64]:
    flat = series.explode() if series.dtype == pl.List else series
    return _bits(flat.drop_nulls().to_numpy())


def _bits(values: FloatArray) -> NDArray[np.int64]:
    return np.ascontiguousarray(values).view(np.int64)


# ---------------------------------------------------------------------- as bytes
def _bytes(mark: str, stands_on: Sequence[FloatArray], rows: pl.DataFrame) -> bytes:
    table, buffer = rows.to_arrow(), pa.BufferOutputStream()
    with pa.ipc.new_stream(buffer, table.schema) as stream:  # a fifth of what polars takes for a frame of this size
        stream.write_table(table)
    inputs = {f"stands_on_{n}": array for n, array in enumerate(stands_on)}
    return state_bytes(mark, {"rows": np.frombuffer(buffer.getvalue(), np.uint8), **inputs})


def _stored_part(
    fingerprint: str, arrays: dict[str, NDArray[np.generic]]
) -> tuple[str, pl.DataFrame, list[FloatArray]]:
    rows = pl.DataFrame(pa.ipc.open_stream(pa.py_buffer(arrays.pop("rows"))).read_all())
    return fingerprint, rows, [arrays[f"stands_on_{n}"].astype(np.float64, copy=False) for n in range(len(arrays))]


def _fingerprint(code: Path, parameters: object) -> str:
    return hashlib.sha256(f"{_computing(code)} {parameters!r}".encode()).hexdigest()


@cache
def _computing(code: Path) -> str:
    """The code that computes, the libraries it computes with, and the processor whose instructions they choose."""
    from llvmlite import binding

    written = hashlib.sha256()
    for file in (Path(__file__), code, *sorted(_QUANT.glob("*.py"))):
        written.update(file.read_bytes())
    libraries = [f"{name} {version(name)}" for name in _COMPUTES]
    return " ".join([platform.python_version(), binding.get_host_cpu_name(), *libraries, written.hexdigest()])
