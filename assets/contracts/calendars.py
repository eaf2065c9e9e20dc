"""Contracts about lists that end: until when each calendar is complete, and what becomes unknown after it.

Here: promised columns and what a person should look at. Not here: the lists (assets.reference), how the rows are made
(assets.marts.calendars).
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from assets.framework.contract import Mart, ahead


class Calendars(Mart):
    """One list that is published only so far ahead, such as the FOMC's meetings: until when it is complete."""

    subject = "health"
    calendar = dy.String(primary_key=True, description="name in messages")
    name = dy.String(description="what a person calls it")
    complete_until = ahead("last day it covers; null: nothing of it is known", nullable=True)
    falls_short_on = ahead(
        "first day on which it does not reach as far ahead as is needed; null: nothing of it is known", nullable=True
    )
    is_short = dy.Bool(description="it does not reach as far ahead as is needed: what it affects is null or unsure")
    is_ending = dy.Bool(description="it falls short soon, within the days it is told ahead, or does already")
    affects = dy.String(description="what is null, or rests on a rule instead of a list, from then on")
    remedy = dy.String(description="what a person does about it")

    @dy.rule()
    def short_is_ending(cls) -> pl.Expr:  # noqa: N805
        """What is short has been told."""
        return pl.col("is_ending") | ~pl.col("is_short")

    @classmethod
    def concerns(cls, rows: pl.DataFrame) -> list[str]:
        """The lists that end, each with what hangs on it and what to do."""
        return [
            sentence(row) for row in rows.filter("is_ending").sort("falls_short_on", "calendar").iter_rows(named=True)
        ]


def sentence(row: dict[str, object]) -> str:
    """What a person reads of a list that ends."""
    if row["complete_until"] is None:
        return f"{row['calendar']}: nothing of it is known; affects {row['affects']}; {row['remedy']}"
    ends = f"{row['calendar']}: complete until {row['complete_until']}"
    falls = "too short since" if row["is_short"] else "too short from"
    return f"{ends}, {falls} {row['falls_short_on']}; affects {row['affects']}; {row['remedy']}"
