"""Can today's reading be trusted? One sentence, made from what is held back, in quarantine, missing or late.

Here: that sentence, and the caution a reading begins with when it rests on held data. Not here: the reading
(pipelines.published.reading), the single values (mart data_quality).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from pipelines.published.marts import Marts
from pipelines.published.words import day, plural

_YEAR = timedelta(days=365)  # the longest window a sentence of the reading looks back over
_STATES = {"quarantined": "in quarantine", "held": "held back", "missing": "missing"}


@dataclass(frozen=True)
class Trust:
    """sentence: the answer. caution: what the reading says first, None where it rests on nothing that is held."""

    sentence: str
    caution: str | None


def trust(marts: Marts) -> Trust:
    """Of one run; a run that was published before data_quality existed answers from the age of its data alone."""
    freshness = marts.scan("series_freshness").collect()
    needed = {marts.pair.asset, marts.pair.benchmark, *freshness.filter("required")["series"]}
    doubts = _open(marts)
    own = doubts.filter(pl.col("series").is_in(needed))
    late = sorted(freshness.filter("required", "is_stale")["series"])
    others = doubts.height - own.height
    elsewhere = (
        f" Elsewhere {plural(others, 'value')} {'is' if others == 1 else 'are'} missing or not believed."
        if others
        else ""
    )
    told = [*_told(own, marts), *([f"{', '.join(late)} late"] if late else [])]
    held = _told(own.filter(pl.col("state") != "missing"), marts)
    return Trust(
        sentence=f"With care: {'; '.join(told)}.{elsewhere}"
        if told
        else f"Yes: nothing that the reading rests on is held back, in quarantine, missing or late.{elsewhere}",
        caution=f"{'; '.join(held)}, so this rests on what was known before" if held else None,
    )


def cautioned(marts: Marts, headline: str) -> str:
    """A headline, with the caution before it where there is one."""
    caution = trust(marts).caution
    return headline if caution is None else f"{caution}. {headline}"


def _open(marts: Marts) -> pl.DataFrame:
    """What is not believed or missing now, nobody has explained, and is new enough to matter."""
    schema = {"series": pl.String, "day": pl.Date, "state": pl.String}
    if not marts.has("data_quality"):
        return pl.DataFrame(schema=schema)
    rows = marts.scan("data_quality").filter(
        pl.col("is_open"),
        pl.col("acknowledged").is_null(),
        pl.col("state").cast(pl.String).is_in(list(_STATES)),
        pl.col("day") > marts.as_of - _YEAR,
    )
    return rows.select("series", "day", pl.col("state").cast(pl.String)).unique().collect()


def _told(doubts: pl.DataFrame, marts: Marts) -> list[str]:
    """Bitcoin of 20 August 2026 is in quarantine."""
    said = []
    for (series, state), rows in doubts.sort("series", "day").group_by("series", "state", maintain_order=True):
        name = marts.pair.names.get(str(series), str(series))
        when = day(rows["day"][0]) if rows.height == 1 else f"{rows.height} days until {day(rows['day'][-1])}"
        said.append(f"{name} of {when} is {_STATES[str(state)]}")
    return said
