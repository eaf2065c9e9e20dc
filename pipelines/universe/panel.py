"""A universe's returns and members as matrices, the same from night to night where nothing was restated.

Here: from rows to matrices, what is kept of yesterday's, and the bytes both lie in. Not here: where the rows come from
(sql/core/universe_returns.sql), what is computed of them (pipelines.universe.blocks).

Adjusted prices are scaled anew at every dividend, which changes returns in their last digits only. A return within
`TOLERANCE` of the one that was used before stays as it was, as raw keeps a value that has not really changed;
everything else is a restatement, and what stood on it is computed afresh.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import polars as pl
from numpy.typing import NDArray

TOLERANCE = 2e-6

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """days: int64[T], since 1970. symbols: N names. returns: float64[T, N], NaN where unknown. members: bool[T, N]."""

    days: NDArray[np.int64]
    symbols: tuple[str, ...]
    returns: FloatArray
    members: NDArray[np.bool_]

    def to_bytes(self) -> bytes:
        """An uncompressed .npz without pickle."""
        buffer = io.BytesIO()
        np.savez(buffer, days=self.days, symbols=np.array(self.symbols), returns=self.returns, members=self.members)
        return buffer.getvalue()

    @staticmethod
    def from_bytes(raw: bytes) -> Panel:
        """Inverse of `to_bytes`."""
        with np.load(io.BytesIO(raw), allow_pickle=False) as stored:
            return Panel(stored["days"], tuple(stored["symbols"].tolist()), stored["returns"], stored["members"])

    def digest(self) -> str:
        """Short hash of everything in it."""
        return sha256(self.to_bytes()).hexdigest()[:16]

    def keeping(self, before: Panel) -> Panel:
        """The same, but with yesterday's value wherever today's is no other one."""
        known = {symbol: n for n, symbol in enumerate(before.symbols)}
        columns = np.array([n for n, s in enumerate(self.symbols) if s in known], dtype=np.intp)
        theirs = np.array([known[self.symbols[n]] for n in columns], dtype=np.intp)
        _, rows, their_rows = np.intersect1d(self.days, before.days, assume_unique=True, return_indices=True)
        returns = self.returns.copy()
        new, old = returns[np.ix_(rows, columns)], before.returns[np.ix_(their_rows, theirs)]
        same = np.abs(new - old) <= TOLERANCE  # never true beside a gap
        returns[np.ix_(rows, columns)] = np.where(same, old, new)
        return Panel(self.days, self.symbols, returns, self.members)


def panel(returns: pl.DataFrame, members: pl.DataFrame) -> Panel:
    """Matrices of a universe's symbols, in the universe's order.

    returns: columns of UniverseReturns; members: those of UniverseMembers, of one universe. A symbol without any return
    is left out.
    """
    listed = members.sort("position").unique("symbol", keep="first", maintain_order=True).select("symbol")
    known = listed.join(returns.select("symbol").unique(), on="symbol", maintain_order="left")
    symbols = known["symbol"].to_list()
    own = returns.join(known.with_row_index("column"), on="symbol")
    days = own["session"].unique().sort().to_physical().cast(pl.Int64).to_numpy()
    matrix = np.full((len(days), len(symbols)), np.nan)
    row = np.searchsorted(days, own["session"].to_physical().cast(pl.Int64).to_numpy())
    matrix[row, own["column"].to_numpy()] = own["log_return"].to_numpy()
    belongs = np.zeros(matrix.shape, dtype=np.bool_)
    at = {symbol: n for n, symbol in enumerate(symbols)}
    dated = members.with_columns(pl.col("first_session", "last_session").to_physical().cast(pl.Int64))
    for symbol, first, last in dated.select("symbol", "first_session", "last_session").iter_rows():
        if symbol in at:
            after = days >= first if first is not None else np.ones(len(days), dtype=np.bool_)
            belongs[:, at[symbol]] |= after & (days <= last if last is not None else True)
    return Panel(days, tuple(symbols), matrix, belongs)
