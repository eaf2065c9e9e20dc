"""FRED's series: with a key through fredapi, vintages included; without one from the keyless CSV endpoint.

Here: one series at a time, who it says it is, the realtime axis in pieces, and the rows of raw.macro_observations.
Not here: fredapi (pipelines.sources.fredapi_client), which series exist and which are revised (assets.catalog),
patience and pacing (pipelines.sources.http).

Why vintages are read as they are: ALFRED clips realtime_start to the first day asked for. A row that begins
on that day says nothing new; it is the value in force by then. Where two requests meet, such a row is
dropped if it repeats the value before it; where a request continues what is stored, all of them are,
because the day is chosen before the last stored observation was published. An observation withdrawn in a
later vintage comes as a null value.
"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from pydantic import SecretStr

from assets.catalog import Series
from assets.contracts.raw import MacroObservations
from assets.upstream import Fetched, Note, Watermarks
from pipelines.sources.answers import arrived, lost, together
from pipelines.sources.errors import KeyRejected, Malformed, NothingDelivered, SourceError, UnknownSeries
from pipelines.sources.fredapi_client import CORRECT_IT, SERVICE, KeyedFred, TooMuch
from pipelines.sources.http import Breaker, Clock, Http, Pace, Patience, RetryPolicy, not_data
from pipelines.sources.identity import recognised, series_traits

log = logging.getLogger(__name__)

CSV_URL = "https://fred.stlouisfed.org"
SERIES_ID = re.compile(r"[A-Za-z0-9_]{1,64}")
VINTAGES_PER_REQUEST = 1000  # FRED allows 2,000
EARLIEST = date(1776, 7, 4)
OTHER_ONE = (
    "Look the series up on fred.stlouisfed.org; if it has really changed, correct unit, frequency or "
    "seasonally_adjusted of its entry in assets/catalog.toml"
)


# ------------------------------------------------------------------ the source
class Fred:
    """Observations of many series, one after the other, none stopping the others."""

    def __init__(
        self,
        policy: RetryPolicy,
        clock: Clock,
        *,
        key: SecretStr | None = None,
        lookback: int = 5,
        per_minute: int = 100,
        apart_seconds: float = 0.1,
        base_url: str | None = None,
        csv_url: str | None = None,
    ) -> None:
        """lookback: observations before the last stored one that are asked for again, at least 5."""
        self._policy = policy
        self._clock = clock
        self._lookback = max(5, lookback)
        self._breaker = Breaker(SERVICE, policy.failures_before_giving_up)
        pace = Pace(per_minute, clock, apart_seconds)
        self._client = KeyedFred(key, policy, pace, clock, base_url) if key is not None else None
        self._csv = Http(SERVICE, csv_url or CSV_URL, policy, pace, clock)

    def close(self) -> None:
        """Close the connections."""
        self._csv.close()

    def macro_observations(self, series: Sequence[Series], stored: Watermarks) -> Fetched:
        """Observations since the watermark minus the lookback, all without one; never raises for a series."""
        answers = [self._one(one, stored.get(one.id)) for one in series]
        fetched = together(MacroObservations.create_empty(), answers)
        if self._client is not None:
            return fetched
        note = Note(SERVICE, "no FRED_API_KEY: the keyless CSV endpoint was used, without vintages")
        log.info("%s", note)
        return replace(fetched, notes=(note, *fetched.notes))

    def _one(self, series: Series, watermark: date | None) -> Fetched:
        try:
            self._breaker.check(series.id)
            unsaid = self._recognise(series)
            rows = self._rows(series, watermark)
            if rows.is_empty() and watermark is None:
                raise NothingDelivered(SERVICE, series.id, "answered without any observation", remedy=CORRECT_IT)
        except SourceError as error:
            failure = error
        else:
            self._breaker.succeeded()
            came = arrived(SERVICE, series.id, rows, watermark)
            return replace(came, notes=(*unsaid, *came.notes))
        self._breaker.failed(failure, hopeless=isinstance(failure, KeyRejected))
        resumes = None if watermark is None else days_back(series, watermark, self._lookback)
        return lost(failure, MacroObservations.create_empty(), watermark, resumes)

    def _recognise(self, series: Series) -> tuple[Note, ...]:
        """What the series leaves unsaid of itself; raises OtherIdentity where its unit or frequency is another.

        The keyless endpoint says nothing: there a change of unit shows in the values only.
        """
        if not SERIES_ID.fullmatch(series.id):
            raise UnknownSeries(SERVICE, series.id, "not an id FRED could know", remedy=CORRECT_IT)
        client = self._client
        if client is None:
            return ()
        said = self._ask(series.id, lambda: client.get_series_info(series.id)).to_dict()
        return recognised(SERVICE, series.id, series_traits(series, said), remedy=OTHER_ONE)

    def _rows(self, series: Series, watermark: date | None) -> pl.DataFrame:
        start = None if watermark is None else days_back(series, watermark, self._lookback)
        if self._client is None:
            return self._from_csv(series, start)
        if not series.revised:
            return self._latest(self._client, series, start)
        return self._vintages(self._client, series, start)

    # -------------------------------------------------------------- without a key
    def _from_csv(self, series: Series, start: date | None) -> pl.DataFrame:
        """Today's values; a revised series whole, because without vintages a part would mix two truths."""
        params = {"id": series.id}
        if start is not None and not series.revised:
            params["cosd"] = start.isoformat()

        def ask() -> pl.DataFrame:
            return read_csv(series.id, self._csv.text("/graph/fredgraph.csv", params, series.id))

        return Patience(self._policy, self._clock, self._breaker).call(ask)

    # -------------------------------------------------------------- with a key
    def _latest(self, client: KeyedFred, series: Series, start: date | None) -> pl.DataFrame:
        found = self._ask(series.id, lambda: client.get_series(series.id, observation_start=start))
        return _rows(series.id, found.index, [None] * len(found), found.to_numpy()).drop_nulls("value")

    def _vintages(self, client: KeyedFred, series: Series, start: date | None) -> pl.DataFrame:
        """Every value with the first day it was public; in one request where that is surely enough."""
        if start is None or (self._clock.now().date() - start).days >= 2 * VINTAGES_PER_REQUEST - 1:
            dates = self._ask(series.id, lambda: client.get_series_vintage_dates(series.id))
            known = sorted({day.date() for day in dates if start is None or day.date() > start})
            return join_vintages(self._in_pieces(client, series.id, known, start), since=start)
        return join_vintages([(start, self._releases(client, series.id, start, None))], since=start)

    def _in_pieces(
        self, client: KeyedFred, series: str, vintages: Sequence[date], since: date | None
    ) -> list[tuple[date, pl.DataFrame]]:
        """The realtime axis piece by piece, each small enough for one answer."""
        pieces: list[tuple[date, pl.DataFrame]] = []
        position, size = 0, VINTAGES_PER_REQUEST
        while position < len(vintages):
            following = position + size
            first = vintages[position] if position else (since or EARLIEST)
            last = vintages[following] - timedelta(days=1) if following < len(vintages) else None
            try:
                pieces.append((first, self._releases(client, series, first, last)))
            except TooMuch as error:
                if size == 1:
                    raise
                size = max(1, int(min(size, len(vintages) - position) * min(error.share, 0.5)))
                continue
            position = following
        return pieces

    def _releases(self, client: KeyedFred, series: str, first: date, last: date | None) -> pl.DataFrame:
        def ask() -> Any:
            return client.get_series_all_releases(
                series, realtime_start=first.isoformat(), realtime_end=last.isoformat() if last else None
            )

        found = self._ask(series, ask)
        if found.empty:
            return MacroObservations.create_empty()
        values = pd.to_numeric(found["value"], errors="coerce").to_numpy(dtype="float64")
        return _rows(series, found["date"], [day.date() for day in found["realtime_start"]], values)

    def _ask(self, series: str, request: Callable[[], Any]) -> Any:
        """fredapi's answer, with patience; what it cannot read is an error with a name."""

        def attempt() -> Any:
            try:
                return request()
            except (ValueError, TypeError, KeyError) as error:
                kind = type(error).__name__
            raise Malformed(SERVICE, series, f"answered with observations that cannot be read ({kind})", status=200)

        return Patience(self._policy, self._clock, self._breaker).call(attempt)


def days_back(series: Series, stored: date, lookback: int) -> date:
    """The stored date minus so many observations of the series' frequency."""
    if series.frequency == "business_day":
        moved: date = np.busday_offset(stored, -lookback, roll="backward").astype(date)
        return moved
    days = {"calendar_day": 1, "weekly_wednesday": 7, "weekly_friday": 7, "monthly": 31}[series.frequency]
    return stored - timedelta(days=days * lookback)


def _rows(series: str, dates: Any, realtime: Sequence[date | None], values: Any) -> pl.DataFrame:
    data = {
        "date": [stamp.date() for stamp in dates],
        "realtime_start": realtime,
        "value": np.asarray(values, dtype="float64"),
    }
    schema = {"date": pl.Date, "realtime_start": pl.Date, "value": pl.Float64}
    frame = pl.DataFrame(data, schema=schema).with_columns(
        pl.lit(series).alias("series_id"), pl.when(pl.col("value").is_finite()).then("value").alias("value")
    )
    frame = frame.unique(["date", "realtime_start"], keep="last", maintain_order=True)
    return frame.sort("date", "realtime_start").select(MacroObservations.create_empty().columns)


def join_vintages(pieces: Sequence[tuple[date, pl.DataFrame]], since: date | None) -> pl.DataFrame:
    """Pieces of the realtime axis, each with the first day it was asked for, as one history without seams.

    since: the first day asked for when continuing what is stored; None for a whole history. A row that
    begins on the first day of its piece may have begun earlier: it is dropped where it repeats the value
    before it, or where it is surely stored. A null value stays only where it withdraws a value.
    """
    if not pieces:
        return MacroObservations.create_empty()
    marked = [frame.with_columns(seam=pl.col("realtime_start") <= first) for first, frame in pieces]
    joined = pl.concat(marked).sort("date", "realtime_start", "seam", descending=[False, False, True])
    joined = joined.unique(["date", "realtime_start"], keep="last", maintain_order=True)
    before = pl.col("value").shift(1).over("date")
    repeated = pl.col("seam") & pl.col("value").eq_missing(before) & (pl.int_range(pl.len()).over("date") > 0)
    joined = joined.filter(~repeated)
    withdrawn_or_known = pl.col("value").is_not_null() | before.is_not_null()
    joined = joined.filter(withdrawn_or_known)
    if since is not None:
        joined = joined.filter(pl.col("realtime_start") > since)
    return joined.drop("seam")


def read_csv(series: str, body: str) -> pl.DataFrame:
    """Rows of fredgraph.csv, either header; raises Malformed for anything else."""
    lines = list(csv.reader(body.splitlines()))
    if not lines or len(lines[0]) != 2 or lines[0][0] not in ("observation_date", "DATE") or lines[0][1] != series:
        raise not_data(SERVICE, series, f"CSV with a column {series}", body)
    if not body.endswith("\n"):
        raise Malformed(SERVICE, series, "the CSV is cut off in its last line", status=200)
    try:
        observed = [(pd.Timestamp(day), float(value)) for day, value in lines[1:] if value not in ("", ".")]
    except ValueError:
        observed = None
    if observed is None:
        raise Malformed(SERVICE, series, "the CSV has lines that are not a date and a number", status=200)
    dates, values = [day for day, _ in observed], [value for _, value in observed]
    return _rows(series, dates, [None] * len(dates), values)
