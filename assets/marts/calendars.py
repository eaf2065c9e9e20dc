"""Lists that end, and how long each still reaches.

Here: the asset that holds every list against the present day. Not here: the lists and how far ahead each is needed
(assets.reference).
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from assets.contracts.calendars import Calendars
from assets.framework.table import Horizon, table
from assets.reference.facts import PublishedList, Reference

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "calendar": pl.String,
    "name": pl.String,
    "complete_until": pl.Date,
    "falls_short_on": pl.Date,
    "is_short": pl.Boolean,
    "is_ending": pl.Boolean,
    "affects": pl.String,
    "remedy": pl.String,
}


@table(Calendars)
def calendars(implied_rates: pl.DataFrame, reference: Reference, horizon: Horizon) -> pl.DataFrame:
    """Every list, as of the run's day."""
    fetched = {"fed_funds_futures": _settled_until(implied_rates)}
    rows = [
        row(entry.model_copy(update={"complete_until": fetched.get(entry.id, entry.complete_until)}), horizon.as_of)
        for entry in reference.lists
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def row(entry: PublishedList, today: date) -> dict[str, object]:
    """The columns of Calendars."""
    falls_short_on = entry.falls_short_on()
    told_from = date.min if falls_short_on is None else falls_short_on - timedelta(days=entry.warn_days_ahead)
    return {
        "calendar": entry.id,
        "name": entry.name,
        "complete_until": entry.complete_until,
        "falls_short_on": falls_short_on,
        "is_short": falls_short_on is None or today >= falls_short_on,
        "is_ending": today >= told_from,
        "affects": entry.affects,
        "remedy": entry.remedy,
    }


def _settled_until(implied_rates: pl.DataFrame) -> date | None:
    """Last day of the last delivery month that the newest curve reaches without a gap."""
    newest = implied_rates.filter(pl.col("observed_on") == pl.col("observed_on").max())
    months = set(newest["delivery_month"])
    until: date | None = None
    month = min(months, default=date.max)
    while month in months:
        following = (month + timedelta(days=31)).replace(day=1)
        until, month = following - timedelta(days=1), following
    return until
