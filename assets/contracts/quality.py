"""Contract of what is known about the data themselves.

Here: values that were not believed at once, and what became of them. Not here: how old each input is
(assets.contracts.policy, series_freshness), how it is computed (assets.marts.data_quality).
"""

from __future__ import annotations

import dataframely as dy

from assets.framework.contract import Mart, ahead, count

STATES = ("quarantined", "held", "missing", "restated", "asked_again")


class DataQuality(Mart):
    """One value of an input that was not believed at once, is missing, or that a person decided about.

    Quarantined: came, and was not possible; nothing is computed from it. Held: waits until another night's answer or a
    person confirms it; what was known before stands. Missing: was due and did not come. Restated: known values that
    were replaced by small corrections, one row per night. Asked again: somebody had the series fetched anew.
    """

    subject = "health"
    may_be_empty = True
    source = dy.String(description="who is asked for it; other: contracts, funds, operations")
    series = dy.String(primary_key=True, description="symbol, series, contract, fund or type of operation")
    day = ahead("day the value speaks of; of several, the newest", primary_key=True)
    state = dy.Enum(STATES, primary_key=True, description="what happened, see above")
    rule = dy.String(primary_key=True, description="the rule that found it")
    found_on = dy.Date(primary_key=True, description="day it was found")
    affected = count("values that this row speaks of")
    value = dy.Float64(nullable=True, description="the value that came, in the unit of its source")
    was = dy.Float64(nullable=True, description="the value that is known instead")
    expected_low = dy.Float64(nullable=True, description="lowest value that would have been believed")
    expected_high = dy.Float64(nullable=True, description="highest value that would have been believed")
    reason = dy.String(description="what is odd, in words")
    found_by = dy.String(nullable=True, description="who held it or asked for it; null: the nightly")
    is_open = dy.Bool(description="true: it still is so")
    closed_on = dy.Date(nullable=True, description="day it was released, replaced or answered")
    closed_by = dy.String(nullable=True, description="who did; null: nobody yet, or nothing to be done")
    closed_why = dy.String(nullable=True, description="why")
    acknowledged = dy.String(nullable=True, description="why it is not told of, see [[acknowledged]] in the catalog")
