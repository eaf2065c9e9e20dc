"""Equal rows have one hash, whatever order, file or type they lie in; other rows have another."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.publishing.content_hash import UnhashableColumn, content_hash

ROWS = pl.DataFrame(
    {
        "day": [date(2025, 12, 11), date(2025, 12, 12), date(1969, 12, 31)],
        "close": [1.5, None, -0.0],
        "name": ["é", None, ""],
        "seen_at": [datetime(2025, 12, 12, 1, 2, 3, 4), None, datetime(1969, 1, 1)],
        "held": [True, None, False],
        "rows": [1, None, -3],
        "state": pl.Series(["a", "b", None], dtype=pl.Enum(["b", "a"])),
    }
)
KEY = ["day"]


def test_the_hash_of_known_rows_never_changes() -> None:
    """A number to compare with on another machine or with another library."""
    assert content_hash(ROWS, KEY) == "40daabdc0aaa9eb149e0a4f6bc9e3357a61ce141a90e121003d198e1ec66f767"


@pytest.mark.parametrize(
    "same",
    [
        ROWS.reverse(),
        ROWS.select(reversed(ROWS.columns)),
        pl.concat([ROWS[:1], ROWS[1:]], rechunk=False),
        ROWS.with_columns(pl.col("rows").cast(pl.Int16), pl.col("state").cast(pl.String)),
        ROWS.with_columns(pl.col("state").cast(pl.Categorical), pl.col("seen_at").cast(pl.Datetime("ns"))),
        ROWS.with_columns(pl.col("close").replace(-0.0, 0.0)),
        pl.from_arrow(ROWS.to_arrow()),
    ],
)
def test_equal_rows_have_one_hash(same: pl.DataFrame) -> None:
    assert content_hash(same, KEY) == content_hash(ROWS, KEY)


@pytest.mark.parametrize(
    "other",
    [
        ROWS[:2],
        ROWS.rename({"close": "open"}),
        ROWS.with_columns(pl.col("close").fill_null(0.0)),
        ROWS.with_columns(pl.col("name").fill_null("")),
        ROWS.with_columns(pl.col("rows").cast(pl.Float64)),
        ROWS.with_columns(pl.col("close") + 1e-15),
    ],
)
def test_other_rows_have_another_hash(other: pl.DataFrame) -> None:
    assert content_hash(other, KEY) != content_hash(ROWS, KEY)


@given(st.lists(st.text(), min_size=2, max_size=2))
def test_texts_are_told_apart_where_they_meet(texts: list[str]) -> None:
    first, second = texts
    if first + second and second:
        frames = [pl.DataFrame({"n": [1, 2], "t": pair}) for pair in ([first, second], [first + second[0], second[1:]])]
        assert len({content_hash(frame, ["n"]) for frame in frames}) == 2


def test_a_type_without_canonical_bytes_is_refused() -> None:
    with pytest.raises(UnhashableColumn, match="column nested"):
        content_hash(pl.DataFrame({"n": [1], "nested": [[1]]}), ["n"])
