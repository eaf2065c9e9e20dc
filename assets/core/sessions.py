"""The session calendar as a table.

Here: sessions up to the as-of date. Not here: which days are sessions (quant.sessions).
"""

from __future__ import annotations

import polars as pl

from assets.contracts import core
from assets.framework.table import Horizon, table
from quant.sessions import nyse_sessions


@table(core.Sessions)
def sessions(horizon: Horizon) -> pl.DataFrame:
    """NYSE sessions up to the as-of date."""
    days = nyse_sessions(horizon.as_of)
    return pl.DataFrame({"session": days}).with_row_index("session_number")
