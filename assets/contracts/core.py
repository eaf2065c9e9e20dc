"""Contracts of the core layer: clean, aligned, in one unit, as known on the as-of date.

Here: the reference tables made from the catalog, sessions, daily prices, macro series. Not here: anything derived
(regimes, studies, policy) or published (marts).
"""

from __future__ import annotations

import dataframely as dy

from assets.framework.contract import CoreTable, count, number


class _CatalogEntry(CoreTable):
    """What a symbol and a macro series have in common."""

    id = dy.String(primary_key=True, description="name at the source and in every table")
    name = dy.String(description="what a person calls it")
    release_lag_days = dy.Int64(description="days from the observation's date until it can be known", min=-1)
    role = dy.String(description="what it is for")
    required = dy.Bool(description="the nightly fails without it")
    revised = dy.Bool(description="history is restated upstream")
    source = dy.String(description="who is asked for it")
    unit = dy.String(description="unit as published; prices: their currency or index points")
    frequency = dy.String(
        description="days on which it is observed: session, calendar_day, business_day, weekly_wednesday, ..."
    )


class Symbols(_CatalogEntry):
    """The catalog's symbols, for SQL to join on."""

    subject = "reference"
    price = dy.String(description="column that returns are made from: close or adj_close")
    data_begin = dy.Date(
        nullable=True, description="first day of its prices at the source; null: not known whether it traded before"
    )
    record_before = number("catalog unit", "highest close before the data begin; null: none is known", nullable=True)
    record_before_date = dy.Date(nullable=True, description="day of that close")
    record_below = number("catalog unit", "a level it had never reached before; null: none is known", nullable=True)
    far_below_record = number("fraction", "how far below its record it lags, or has fallen", min=0, max=1)


class CatalogSeries(_CatalogEntry):
    """The catalog's macro series, for SQL to join on."""

    subject = "reference"

    @classmethod
    def table_name(cls) -> str:
        """`series`: the plain name of a class is the catalog entry's own."""
        return "series"


class Pairs(CoreTable):
    """The catalog's pairs, for SQL to join on."""

    subject = "reference"
    pair = dy.String(primary_key=True, description="asset/benchmark")
    asset = dy.String(description="catalog symbol")
    benchmark = dy.String(description="catalog symbol it is held against")


class Studied(CoreTable):
    """What the studies in SQL look at, for SQL to join on."""

    study = dy.String(primary_key=True, description="section of assets/studies.toml")
    symbol = dy.String(primary_key=True, description="catalog symbol")
    horizon_sessions = dy.Int64(primary_key=True, description="how far", min=1, metadata={"unit": "sessions"})
    yardstick = dy.String(nullable=True, description="what all are held against this symbol as; null: as nothing")


class Sessions(CoreTable):
    """NYSE trading dates up to the as-of date (exchange calendar XNYS)."""

    subject = "reference"
    grows_by = "session"
    session = dy.Date(primary_key=True, description="trading date")
    session_number = count("position in the calendar, without gaps")


class Programs(CoreTable):
    """Purchase programmes of the Fed, for SQL to join on."""

    subject = "balance_sheet"
    program = dy.String(primary_key=True, description="name in every table")
    name = dy.String(description="what a person calls it")
    announced_on = dy.Date(description="day it was made public")
    start = dy.Date(description="day that studies count from")
    first_operation = dy.Date(description="first day on which the Desk could buy under it")
    last_operation = dy.Date(nullable=True, description="last such day; null: none is set")
    operation_types = dy.String(description="outright purchases that belong to it, with commas between")
    announced_usd_bn_per_month = number("USD bn a month", "pace announced at the start", nullable=True, min=0)
    includes_agency_reinvestment = dy.Bool(description="its operations also reinvest principal of agency securities")
    source = dy.String(description="where this is published")


class FirstCuts(CoreTable):
    """First cuts from before the target range began, for SQL to join on."""

    subject = "policy"
    meeting_date = dy.Date(primary_key=True, description="day of the decision")
    change_bp = number("basis points", "change of the target", max=0)


class PublishedExpectations(CoreTable):
    """Published expectations of earnings growth, whenever they were published."""

    subject = "flows"
    index_name = dy.String(primary_key=True, description="index the figure speaks of")
    fiscal_year = dy.Int64(primary_key=True, description="year whose earnings are expected")
    published_on = dy.Date(primary_key=True, description="day the figure was public")
    publisher = dy.String(primary_key=True, description="who published it")
    eps_growth_pct = number("percent", "growth of earnings per share over the year before")
    source_note = dy.String(description="where it was read, and what is known of its definition")


class DailyPrices(CoreTable):
    """One final price of one symbol on one of its own days: NYSE sessions, or UTC days for crypto."""

    subject = "prices"
    grows_by = "date"
    symbol = dy.String(primary_key=True, description="catalog id")
    date = dy.Date(primary_key=True, description="NYSE session; UTC day for crypto")
    day_number = dy.Int64(description="position among the symbol's expected days; a gap is a missing day")
    close = number("catalog unit", "last price, unadjusted", nullable=True)
    high = number("catalog unit", "highest price of the day", nullable=True)
    low = number("catalog unit", "lowest price of the day", nullable=True)
    return_price = number("catalog unit", "price that returns are made from, see catalog", nullable=True)
    available_on = dy.Date(description="first day a reader could know it")


class SessionPrices(CoreTable):
    """One symbol on one NYSE session, crypto aligned by date; a weekend is one session's return for all."""

    subject = "prices"
    grows_by = "session"
    symbol = dy.String(primary_key=True, description="catalog id")
    session = dy.Date(primary_key=True, description="NYSE session")
    session_number = count("position of the session in the calendar")
    return_price = number("catalog unit", "price that returns are made from; null: none that day", nullable=True)
    log_return = number("log return", "since the previous session; null where either price is missing", nullable=True)


class MacroSeries(CoreTable):
    """One observation of one macro series in the house unit, with the day it became public."""

    subject = "macro"
    grows_by = "available_on"
    series_id = dy.String(primary_key=True, description="catalog id")
    date = dy.Date(primary_key=True, description="the day or period the value speaks of")
    role = dy.String(description="what the series is for")
    value = dy.Float64(description="value in the unit beside it")
    unit = dy.String(description="house unit: usd_bn, percent or index_points")
    available_on = dy.Date(description="first day a reader could know it")
