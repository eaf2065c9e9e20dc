"""What a person may choose for one run in the launchpad: as-of date, source, symbols.

Here: the fields with their defaults from the settings, and the errors a wrong choice ends in. Not here: the settings
themselves (pipelines.settings), what a run does with its choices (pipelines.build).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import dagster as dg

from assets.catalog import Catalog
from pipelines.settings import Settings, SettingsError

_SOURCES = dg.Enum(
    "Source",
    [
        dg.EnumValue("live", description="Yahoo Finance, FRED, the New York Fed"),
        dg.EnumValue("files", description="a folder of parquet files"),
        dg.EnumValue("sample", description="the bundled simulated market"),
    ],
)


def run_form(settings: Settings) -> dict[str, dg.Field]:
    """Of any job: what is computed from, and as of when."""
    return {
        "source": dg.Field(
            _SOURCES,
            default_value=settings.source,
            description=(
                "Where data comes from. A source other than the configured one is kept apart, in a home of its own "
                "named like it, so that simulated and real data never mix."
            ),
        ),
        "files": dg.Field(
            str,
            default_value=str(settings.files or ""),
            description="For source files: the folder with prices.parquet and fred.parquet.",
        ),
        "as_of": dg.Field(
            str,
            default_value=str(settings.as_of or ""),
            description=(
                "A day such as 2025-12-12: compute what could have been known that evening, in a tree of its own. "
                "Empty: today, served to everyone."
            ),
        ),
    }


def ingest_form() -> dict[str, dg.Field]:
    """Of what fetches: which of the catalog's entries are asked for."""
    return {
        "symbols": dg.Field(
            [str],
            default_value=[],
            description=(
                "For the job ingest: ids from assets/catalog.toml (symbols, series, futures) to ask for; what is "
                "stored of the others stays as it is. Empty: all. Tables that are not made of catalog entries "
                "(Desk operations, fund flows, FOMC meetings) are always fetched."
            ),
        )
    }


def chosen_settings(settings: Settings, form: dict[str, Any]) -> Settings:
    """The settings of one run; raises SettingsError."""
    return settings.for_run(source=form["source"], files=form["files"], as_of=form["as_of"])


def run_tags(settings: Settings) -> dict[str, str]:
    """What the UI's list of runs shows of a run's choices."""
    return {"recouple/source": settings.source, "recouple/as_of": str(settings.as_of or "today")}


def chosen_entries(catalog: Catalog, symbols: Sequence[str], job: str) -> Catalog:
    """The part of the catalog to ask for; raises SettingsError."""
    if not symbols:
        return catalog
    if job != "ingest":
        raise SettingsError("symbols is for the job ingest; launch that job with it, then the job marts")
    known = [entry.id for entry in catalog.fetched()]
    unknown = [symbol for symbol in symbols if symbol not in known]
    if unknown:
        raise SettingsError(
            f"symbols names {', '.join(_with_hint(u, known) for u in unknown)}, which assets/catalog.toml does not "
            f"have; correct the name or add an entry"
        )
    return catalog.only(symbols)


def _with_hint(unknown: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(unknown.upper(), known, n=1)
    return f"{unknown} (close to {close[0]})" if close else unknown
