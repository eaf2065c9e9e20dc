from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from quant.sessions import FIRST_SESSION, nyse_sessions


def test_weekends_and_holidays_are_no_sessions() -> None:
    days = nyse_sessions(date(2025, 12, 31), first=date(2025, 12, 22)).to_list()
    assert [d.day for d in days] == [22, 23, 24, 26, 29, 30, 31]


def test_the_calendar_is_the_one_the_s_and_p_500_traded_on(history: Path) -> None:
    prices = pl.read_parquet(history / "prices.parquet").filter(pl.col("symbol") == "^GSPC")
    traded = prices.filter(pl.col("date") >= FIRST_SESSION)["date"].sort()
    assert nyse_sessions(traded[-1]).to_list() == traded.to_list()


def test_days_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match="lies before"):
        nyse_sessions(date(2025, 1, 1), first=date(2025, 2, 1))
