from __future__ import annotations

from pathlib import Path

import pytest

from assets.catalog import PATH, CatalogError, load_catalog

TEXT = PATH.read_text(encoding="utf-8")


def test_the_catalog_names_every_promised_symbol_series_and_pair() -> None:
    catalog = load_catalog()
    symbols = [
        "BTC-USD",
        "ETH-USD",
        "^RUT",
        "^GSPC",
        "^DJI",
        "^NDX",
        "GC=F",
        "SI=F",
        "DX-Y.NYB",
        "^VIX",
        "IWM",
        "SPY",
        "QQQ",
        "IBIT",
        "HYG",
        "TLT",
    ]
    series = [
        "DFEDTARU",
        "DFEDTARL",
        "DFF",
        "EFFR",
        "SOFR",
        "IORB",
        "WALCL",
        "TREAST",
        "WSHOMCB",
        "WSHOBL",
        "SOMA_BILLS",
        "WTREGEN",
        "WRESBAL",
        "RRPONTSYD",
        "DGS3MO",
        "DGS2",
        "DGS10",
        "T10Y2Y",
        "DFII10",
        "T10YIE",
        "M2SL",
        "NFCI",
        "BAMLH0A0HYM2",
        "VIXCLS",
    ]
    benchmarks = ["^RUT", "^GSPC", "^NDX", "^DJI", "GC=F", "SI=F", "DX-Y.NYB", "TLT", "ETH-USD"]
    assert set(symbols) <= {s.id for s in catalog.symbol}
    assert set(series) <= {s.id for s in catalog.series}
    assert {f"BTC-USD/{b}" for b in benchmarks} <= {p.id for p in catalog.pair}


def test_adding_a_symbol_is_one_entry(tmp_path: Path) -> None:
    entry = """
[[symbol]]
id = "GLD"
name = "SPDR Gold Shares"
source = "yahoo"
unit = "usd"
frequency = "session"
release_lag_days = 0
role = "fund"
"""
    path = tmp_path / "catalog.toml"
    path.write_text(TEXT + entry)
    assert load_catalog(path).symbol[-1].id == "GLD"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('unit = "usd_bn"', 'unit = "usd_billion"', "unit: input should be"),
        ('role = "small_caps"', 'roll = "small_caps"', "roll: extra inputs are not permitted"),
        ("release_lag_days = 58", "release_lag_days = -2", "release_lag_days: input should be greater"),
        ('benchmark = "TLT"', 'benchmark = "TLTT"', "names TLTT, which is no symbol"),
        ('id = "ETH-USD"', 'id = "BTC-USD"', "symbol BTC-USD is there twice"),
        ("[[pair]]", "[[pair]", "at line"),
    ],
)
def test_a_typo_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(TEXT.replace(old, new, 1))
    wrong = 1 + TEXT[: TEXT.index(old)].count("\n")
    with pytest.raises(CatalogError) as error:
        load_catalog(path)
    assert said in str(error.value)
    named = [
        int(word.strip(":,"))
        for word in str(error.value).replace("(at line ", "line ").split()
        if word.strip(":,").isdigit()
    ]
    assert any(abs(line - wrong) <= 3 for line in named), (named, wrong)


@pytest.mark.parametrize(
    ("asset", "benchmark", "said"),
    [
        ("GLD", "GLD", "holds GLD against itself; name another benchmark"),
        ("^RUT", "BTC-USD", "pair ^RUT/BTC-USD is there the other way round; keep one of the two"),
        ("BTC-USD", "^RUT", "pair BTC-USD/^RUT is there twice; keep one entry"),
    ],
)
def test_a_pair_that_says_nothing_new_is_refused_with_its_line(
    tmp_path: Path, asset: str, benchmark: str, said: str
) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(f'{TEXT}\n[[pair]]\nasset = "{asset}"\nbenchmark = "{benchmark}"\n')
    with pytest.raises(CatalogError) as error:
        load_catalog(path)
    assert said in str(error.value)
    assert f"line {TEXT.count(chr(10)) + 2}:" in str(error.value)
