"""What the work around fredapi rests on: failing here means that the package has changed there."""

from __future__ import annotations

import contextlib
import xml.etree.ElementTree as ET
from collections.abc import Callable

import fredapi
import pytest
from pydantic import SecretStr

from pipelines.sources.fredapi_client import FETCH, KeyedFred
from pipelines.sources.http import Pace, RetryPolicy
from tests.upstream.services import FakeClock


@pytest.mark.parametrize(
    ("ask", "path"),
    [
        (lambda fred: fred.get_series("DFF"), "/series/observations?series_id=DFF"),
        (lambda fred: fred.get_series_all_releases("DFF"), "/series/observations?series_id=DFF&realtime_start="),
        (lambda fred: fred.get_series_vintage_dates("DFF"), "/series/vintagedates?series_id=DFF"),
        (lambda fred: fred.get_series_info("DFF"), "/series?series_id=DFF"),
    ],
)
def test_every_document_is_read_through_the_one_seam(
    clock: FakeClock,
    policy: RetryPolicy,
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[KeyedFred], object],
    path: str,
) -> None:
    asked = []

    def document(self: KeyedFred, url: str) -> ET.Element:
        asked.append(url)
        return ET.fromstring('<any><one date="2026-11-18" value="1" realtime_start="2026-11-19" id="DFF">x</one></any>')

    monkeypatch.setattr(KeyedFred, FETCH, document)
    fred = KeyedFred(SecretStr("secret"), policy, Pace(100, clock), clock, None)
    with contextlib.suppress(ValueError):  # the document is none; it is enough that it was asked for
        ask(fred)
    assert len(asked) == 1
    assert path in asked[0]
    assert "secret" not in asked[0]


def test_the_seam_is_the_packages_own() -> None:
    assert callable(getattr(fredapi.Fred, FETCH))
    assert getattr(KeyedFred, FETCH) is KeyedFred._document
