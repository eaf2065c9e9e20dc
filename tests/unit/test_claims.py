from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from assets.claims import PATH, Claim, ClaimError, load_claims
from assets.framework.table import FUNCTIONS
from assets.marts.claims import claims as claims_asset
from assets.reference.facts import FOLDER, load_reference

TEXT = PATH.read_text(encoding="utf-8")


def test_the_article_is_covered_by_at_least_sixteen_claims() -> None:
    assert len([c for c in load_claims() if c.claimed_on == date(2025, 12, 12)]) >= 16


def test_a_claim_is_one_entry(tmp_path: Path) -> None:
    entry = """
[[claim]]
id = "gold_above_4000"
kind = "measured"
statement = "Gold costs more than 4,000 dollars."
claimed_on = 2025-12-12
claimed_value = 4000
comparison = "at_least"
tolerance = 0
unit = "USD"
evidence = "select max(close) as measured_value from market_state where symbol = 'GC=F' and session = $on"
"""
    path = tmp_path / "claims.toml"
    path.write_text(TEXT + entry)
    added = load_claims(path)[-1]
    assert (added.id, added.reads) == ("gold_above_4000", ("market_state",))
    assert "session = date '2025-12-12'" in added.pasted(added.evidence, date(2025, 12, 12))
    assert "marts.market_state" in added.warehouse_query(added.evidence, date(2025, 12, 12))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("tolerance = 460", "tolerence = 460", "tolerence: extra inputs are not permitted"),
        ('comparison = "at_least"', 'comparison = "atleast"', "comparison: input should be"),
        ('kind = "dated_event"', 'kind = "date"', "kind: input should be"),
        ('kind = "measured"', 'kind = "forecast"', "says with judged_from when its time comes"),
        ("$claimed)) as measured_value", "$claimed)) as value", "one column named measured_value"),
        ("select least(high,", "select least(hihg,", "does not fit the marts"),
        ("as measured_value from market_state", "as measured_value from market", "no mart"),
        ("between $on - 2 and $on", "> date '2025-12-01'", "no date condition"),
        ("select least(high,", "selct least(high,", "evidence"),
        ('context = """\nselect string_agg', 'context = """\nselec string_agg', "context is no SQL"),
        ('id = "bitcoin_below_peak"', 'id = "bitcoin_level"', "is there twice"),
        ("[[claim]]", "[[claims]]", "claims: extra inputs"),
        ("claimed_value = -0.27", "claimed_value = minus", "line"),
    ],
)
def test_a_typo_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "claims.toml"
    path.write_text(TEXT.replace(old, new, 1))
    wrong = 1 + TEXT[: TEXT.index(old)].count("\n")
    with pytest.raises(ClaimError) as error:
        load_claims(path)
    assert said in str(error.value)
    words = str(error.value).replace("(at line ", "line ").replace(":", " ").replace(",", " ").split()
    named = [int(word) for word in words if word.isdigit()]
    assert any(abs(line - wrong) <= 2 for line in named), (named, wrong)


class Marts:
    """A warehouse with one mart of two days."""

    def __init__(self) -> None:
        self._db = duckdb.connect()
        self._db.execute("create schema marts")
        self._db.execute(
            "create table marts.market_state as select * from "
            "(values ('^RUT', date '2025-12-10', 10.0), ('^RUT', date '2025-12-12', 20.0)) t (symbol, session, close)"
        )

    def query(self, sql: str) -> pl.DataFrame:
        return self._db.sql(sql).pl()


class Day:
    simulated = False

    def __init__(self, as_of: date) -> None:
        self.as_of = as_of


def claim(**changes: object) -> Claim:
    fields = {
        "id": "level",
        "kind": "measured",
        "statement": "The index stands at 20.",
        "claimed_on": date(2025, 12, 12),
        "claimed_value": 20,
        "tolerance": 0,
        "unit": "points",
        "evidence": "select max_by(close, session) as measured_value from market_state where session <= $on",
    }
    return Claim.model_validate({**fields, **changes})


def ledger(monkeypatch: pytest.MonkeyPatch, entry: Claim, as_of: date) -> list[tuple[object, ...]]:
    monkeypatch.setattr("assets.marts.claims.CLAIMS", (entry,))
    rows = FUNCTIONS[claims_asset.key.path[-1]](warehouse=Marts(), horizon=Day(as_of))
    return rows.select("measured_on", "measured_value", "verdict").rows()


def test_a_claim_is_measured_on_its_own_day_and_today(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ledger(monkeypatch, claim(claimed_on=date(2025, 12, 11)), date(2025, 12, 12))
    assert found == [(date(2025, 12, 11), 10.0, "fails"), (date(2025, 12, 12), 20.0, "holds")]


def test_on_its_own_day_a_claim_has_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ledger(monkeypatch, claim(), date(2025, 12, 12)) == [(date(2025, 12, 12), 20.0, "holds")]


def test_a_dated_event_is_judged_on_its_own_day_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = claim(kind="dated_event", claimed_on=date(2025, 12, 11), claimed_value=10)
    assert ledger(monkeypatch, entry, date(2025, 12, 12)) == [(date(2025, 12, 11), 10.0, "holds")]


def test_a_forecast_is_judged_once_its_time_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = claim(kind="forecast", claimed_on=date(2025, 12, 10), judged_from=date(2025, 12, 12))
    assert ledger(monkeypatch, entry, date(2025, 12, 11))[-1] == (date(2025, 12, 11), None, "unknown")
    assert ledger(monkeypatch, entry, date(2025, 12, 12)) == [
        (date(2025, 12, 10), None, "unknown"),
        (date(2025, 12, 12), 20.0, "holds"),
    ]


def test_what_holds_as_often_without_the_effect_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for chance, expected in ((0.7, "not_shown"), (0.01, "holds")):
        entry = claim(chance_without_effect=chance)
        assert ledger(monkeypatch, entry, date(2025, 12, 12))[0][-1] == expected


def test_a_level_is_held_against_the_days_range(monkeypatch: pytest.MonkeyPatch) -> None:
    nearest = "select least(21, greatest(19, $claimed)) as measured_value from market_state where session = $on"
    for claimed, expected in ((20.5, "holds"), (25, "fails")):
        entry = claim(claimed_value=claimed, evidence=nearest)
        assert ledger(monkeypatch, entry, date(2025, 12, 12))[0][-1] == expected


def test_a_claim_is_not_known_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ledger(monkeypatch, claim(), date(2025, 12, 11)) == []


def test_absent_data_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = "select close as measured_value from market_state where symbol = 'X' and session <= $on"
    assert ledger(monkeypatch, claim(evidence=nothing), date(2025, 12, 12))[0][1:] == (None, "unknown")


def test_a_mart_that_does_not_exist_yet_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    later = claim(evidence="select avg(x) as measured_value from to_come where day <= $on", awaits=("to_come",))
    assert list(later.faults()) == []
    assert ledger(monkeypatch, later, date(2025, 12, 12))[0][1:] == (None, "unknown")


def test_evidence_of_several_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    both = claim(evidence="select close as measured_value from market_state where session <= $on")
    with pytest.raises(ValueError, match="claim level: the evidence returns 2 rows"):
        ledger(monkeypatch, both, date(2025, 12, 12))


def test_a_typo_in_a_reference_file_is_named_with_its_line(tmp_path: Path) -> None:
    for path in FOLDER.glob("*.toml"):
        (tmp_path / path.name).write_text(path.read_text())
    broken = tmp_path / "programs.toml"
    text = broken.read_text()
    broken.write_text(text.replace("announced_on = 2010-11-03", "announced_on = 2010-11-33", 1))
    with pytest.raises(ValueError, match=r"programs\.toml.*line"):
        load_reference(tmp_path)
    broken.write_text(text.replace('id = "qe2"', 'id = "qe1"', 1))
    with pytest.raises(ValueError, match=r"programs\.toml, line \d+: program qe1 is there twice"):
        load_reference(tmp_path)
