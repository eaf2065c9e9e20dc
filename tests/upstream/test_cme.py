"""CME's settlements: read from a real recording, used where Yahoo lists no contract, missed without harm."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from assets.catalog import load_catalog
from assets.contracts.raw import FuturesSettlements, PriceBars
from pipelines.sources.cme import read_settlements
from pipelines.sources.errors import SourceError
from pipelines.sources.http import RetryPolicy
from pipelines.sources.live import LiveConfig, LiveUpstream
from pipelines.sources.yahoo import newest_settled_session
from tests.upstream.conftest import Recordings
from tests.upstream.loopback import Answer, Request, loopback
from tests.upstream.services import FakeClock, YahooWorld

DAY = date(2026, 11, 20)
PAGE = {
    "tradeDate": "11/20/2026",
    "reportType": "Final",
    "settlements": [
        {"month": "NOV 26", "settle": "96.1000"},
        {"month": "APR 28", "settle": "95.5000"},
        {"month": "MAY 28", "settle": "-"},
        {"month": "Total", "settle": "-"},
    ],
}


def test_recorded_settlements_are_read(recordings: Recordings) -> None:
    rows = read_settlements(recordings.body("cme/settlements_305_FUT_2026-09-18.json"), date(2026, 9, 18))
    assert PriceBars.is_valid(rows)
    assert rows.height == 60
    assert rows["close"].to_list()[:4] == [96.2525, 96.105, 95.975, 95.835]
    assert rows["symbol"].to_list()[:4] == ["ZQU26.CBT", "ZQV26.CBT", "ZQX26.CBT", "ZQZ26.CBT"]
    assert not rows["provisional"].any()


def test_settlements_that_are_not_final_are_provisional() -> None:
    rows = read_settlements(json.dumps({**PAGE, "reportType": "Preliminary"}), DAY)
    assert rows.select("symbol", "close", "provisional").rows() == [
        ("ZQX26.CBT", 96.1, True),
        ("ZQJ28.CBT", 95.5, True),
    ]


@pytest.mark.parametrize("body", ["<html></html>", "{}", json.dumps({**PAGE, "tradeDate": "11/19/2026"})])
def test_another_page_or_day_is_an_error(body: str) -> None:
    with pytest.raises(SourceError, match="CME fed_funds_settlements"):
        read_settlements(body, DAY)


@pytest.mark.parametrize("reachable", [True, False])
def test_contracts_unknown_to_yahoo_come_from_cme_or_end_the_path(
    tmp_path: Path, clock: FakeClock, policy: RetryPolicy, reachable: bool
) -> None:
    yahoo = YahooWorld(clock, date(2026, 11, 2), unknown={"ZQH28.CBT", "ZQJ28.CBT"})

    def cme(request: Request) -> Answer:
        return Answer(json.dumps(PAGE)) if reachable else Answer("<html>Access Denied</html>", 403, "text/html")

    with loopback({**yahoo.services(), "www.cmegroup.com": cme}, tmp_path) as server:
        config = LiveConfig(
            policy=policy, cache_dir=tmp_path / "cache", cme_url=server.url("www.cmegroup.com"),
            yahoo_url=server.url("query2.finance.yahoo.com"),
        )  # fmt: skip
        fetched = LiveUpstream(config, pl.DataFrame(), clock).futures_settlements(load_catalog().futures, {})
        assert server.count("cmegroup") == 1
    assert fetched.missing == ()
    assert ("ZQJ28.CBT" in fetched.rows["contract"].to_list()) == reachable
    assert "ZQH28.CBT" in {note.id for note in fetched.notes}
    assert FuturesSettlements.is_valid(fetched.rows)


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 11, 20, 23, 59, tzinfo=UTC), date(2026, 11, 19)),
        (datetime(2026, 11, 21, 0, 1, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 22, 12, tzinfo=UTC), date(2026, 11, 20)),
    ],
)
def test_the_newest_settled_session_is_over_by_two_hours(now: datetime, day: date) -> None:
    assert newest_settled_session(now) == day
