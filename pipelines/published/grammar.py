"""The grammar of a reading: every sentence it may hold, with slots, and when it may be said.

Here: the words, each slot naming the value of pipelines.published.truth it must agree with and the form it is written
in; `[? ?]` may be left out. Not here: how sentences are made (published.reading), how they are held against the values
(published.contradictions).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from quant.divergence import FAR_BELOW_RECORD

Values = Mapping[str, Any]


class Kind(Enum):
    """How a text can contradict the marts."""

    INTERVAL = "words against the interval"
    LABEL = "label against its probability"
    WITHIN = "within against at the end"
    SINCE = "since against the date of the last change"
    REFERENCE = "chance against its reference class"
    NUMBER = "number against its mart"
    NAME = "an id instead of a name"
    TENSE = "today's words for another day's data"
    STALE = "an input without its date"
    UNBACKED = "words that no mart bears"


class Said(NamedTuple):
    """A sentence that may be said: its words with slots {value:form}, and when it may."""

    words: str
    when: Callable[[Values], bool] = lambda v: True
    kind: Kind = Kind.UNBACKED  # of saying it when it may not be


def _includes_zero(v: Values) -> bool:
    return bool(v["correlation.ci95_low"] <= 0 <= v["correlation.ci95_high"])


_MEASURED = (
    "60-session correlation {correlation.correlation:number}, 95% interval {correlation.ci95_low:bound} to "
    "{correlation.ci95_high:bound}"
)
_LABEL = "{regime.p:sure} {regime.regime:word} ({regime.p:chance}[?, {regime.rival:word} {regime.p_rival:chance}?]"
_FAR = f"{FAR_BELOW_RECORD:.0%}"
_COVER = "The interval, which holds the true correlation in 95 of 100 cases, "

HEADLINE = (
    Said(
        "{lag.follower:name} has lagged the records of {lag.leader:name} since {lag.start_session:since}; ",
        lambda v: v["lag.open"],
    ),
    Said("Neither {asset.symbol:name} nor {benchmark.symbol:name} lags in records; ", lambda v: not v["lag.open"]),
    Said(f"from day to day they are {_LABEL}[?; {_MEASURED}?])"),
    Said(f"from day to day they are linked ({_MEASURED})", lambda v: v["correlation.ci95_low"] > 0, Kind.INTERVAL),
    Said(f"from day to day they are opposed ({_MEASURED})", lambda v: v["correlation.ci95_high"] < 0, Kind.INTERVAL),
    Said(
        f"from day to day they are without a link that can be told from none ({_MEASURED})",
        _includes_zero,
        Kind.INTERVAL,
    ),
    Said("there are too few sessions to say how they move from day to day", lambda v: "regime.regime" not in v),
)

GRAMMAR: Mapping[str, tuple[Said, ...]] = {
    "Levels": tuple(
        said
        for s in ("asset", "benchmark")
        for said in (
            Said(
                f"{{{s}.symbol:name}} closed at {{{s}.close:number}} on {{{s}.session:date}}, {{{s}.below:percent}} below its "
                f"record close of {{{s}.record_close:number}} ({{{s}.record_session:date}})."
            ),
            Said(
                f"{{{s}.symbol:name}} closed at {{{s}.close:number}} on {{{s}.session:date}}, its record close.",
                lambda v, s=s: v[f"{s}.drawdown"] == 0,  # type: ignore[misc]
                Kind.NUMBER,
            ),
        )
    ),
    "Records": (
        Said(
            "Since {lag.start_session:since} {lag.leader:name} has set {lag.leader_record_closes:number} record close[?s?] "
            f"while {{lag.follower:name}} stood {_FAR} or more below its own. "
            "This lag has lasted {lag.sessions:number} "
            "session[?s?] by {lag.session:date}.",
            lambda v: v["lag.open"],
        ),
        Said(
            f"Neither sets records while the other stands {_FAR} or more below its own: no lag is open.",
            lambda v: not v["lag.open"],
        ),
        Said(
            "The last one, of {lag.follower:name}, ended on {lag.session:date} after {lag.sessions:number} session[?s?], with a "
            "record close of the follower.",
            lambda v: v["lag.outcome"] == "follower_recovered",
        ),
        Said(
            "The last one, of {lag.follower:name}, ended on {lag.session:date} after {lag.sessions:number} session[?s?], with "
            "the leader's fall.",
            lambda v: v["lag.outcome"] == "leader_fell",
        ),
    ),
    "Decoupling or delay?": (
        Said(
            f"It looks more like a delay: daily returns were {_LABEL}).",
            lambda v: v["lag.open"] and v["regime.regime"] == "coupled" and v["regime.p"] > 0.5,
            Kind.LABEL,
        ),
        Said(
            f"It looks more like a decoupling: daily returns were {_LABEL}).",
            lambda v: v["lag.open"] and v["regime.regime"] != "coupled" and v["regime.p"] > 0.5,
            Kind.LABEL,
        ),
        Said(f"It is open which: daily returns were {_LABEL}).", lambda v: v["regime.p"] <= 0.5, Kind.LABEL),
        Said("No other lag of any pair had ended yet to compare it with.", lambda v: v["lag.earlier_ended"] == 0),
        Said(
            "Of {lag.earlier_ended:number} other lags of all pairs that had ended, {lag.earlier_recovered:number} ended with "
            "the follower's record and {lag.fell:number} with the leader's fall."
        ),
        Said(
            "{lag.earlier_shorter:number} were shorter than these {lag.sessions:number} sessions, the longest lasted "
            "{lag.earlier_longest_sessions:number}[?; half of all lags last no longer than "
            "{lag.earlier_median_sessions:number} session[?s?]?]."
        ),
        Said("{lag.others_open:number} others were still open and are counted as lasting longer."),
        Said("The pairs overlap: these are fewer cases than they seem."),
        Said(
            "Since that day {lag.leader:name} has moved {lag.leader_return:move} and {lag.follower:name} "
            "{lag.follower_return:move}; its daily link alone would have moved it {lag.coupled_return:move}."
        ),
        Said("Daily coupling explains {lag.explained_share:percent} of the gap."),
    ),
    "Day to day": (
        Said(
            f"On {{regime.session:date}} daily returns were {_LABEL}[?; {_MEASURED}?]), by the regime in force since {{regime.since:since}}."
        ),
        Said(
            f"On {{correlation.session:date}} daily returns were linked ({_MEASURED}).",
            lambda v: v["correlation.ci95_low"] > 0,
            Kind.INTERVAL,
        ),
        Said(
            f"On {{correlation.session:date}} daily returns were opposed ({_MEASURED}).",
            lambda v: v["correlation.ci95_high"] < 0,
            Kind.INTERVAL,
        ),
        Said(
            f"On {{correlation.session:date}} daily returns were without a link that can be told from none ({_MEASURED}).",
            _includes_zero,
            Kind.INTERVAL,
        ),
        Said(f"{_COVER}lies above zero: a link.", lambda v: v["correlation.ci95_low"] > 0, Kind.INTERVAL),
        Said("It may be weaker than coupling.", lambda v: v["regime.regime"] == "decoupled", Kind.LABEL),
        Said(f"{_COVER}lies below zero: opposed.", lambda v: v["correlation.ci95_high"] < 0, Kind.INTERVAL),
        Said(
            f"{_COVER}includes zero: these 60 sessions alone cannot tell a link from none.",
            _includes_zero,
            Kind.INTERVAL,
        ),
        Said("Regime: coupled means a correlation of +0.30 or more, inverse -0.15 or less, decoupled between."),
        Said("On simulated markets such labels were right about as often as their chance says, or more often."),
        Said("This says nothing about who is ahead."),
        Said(
            "There are too few sessions yet to judge how daily returns move together on {as_of:date}.",
            lambda v: "regime.regime" not in v,
        ),
    ),
    "Trend": (
        *(
            Said(
                f"Over the 63 sessions to {{trend.session:date}} {{asset.symbol:name}} was {{trend.size:percent}} {side} "
                f"{{benchmark.symbol:name}}{ending}",
                lambda v, sign=sign, state=state: v["trend.gap_63d"] * sign >= 0 and v["trend.trend_state"] == state,  # type: ignore[misc]
                Kind.NUMBER,
            )
            for side, sign in (("ahead of", 1), ("behind", -1))
            for state, ending in (
                (None, "; its past is too short to say whether that is usual."),
                ("leading", ", unusually far ahead: leading."),
                ("tracking", ", within the usual range: tracking."),
                ("lagging", ", unusually far behind: lagging."),
            )
        ),
        Said(
            "Its z-score is {trend.gap_63d_zscore:number}: the gap in standard deviations of its own past three years."
        ),
    ),
    "Catching up": (
        Said(
            "On {signal.session:date} {signal.follower:name} was the laggard over 63 sessions. To catch up is to make up half "
            "of the gap: to beat {signal.leader:name} by {signal.half:percent}, which is a price of "
            "{signal.price:number} while {signal.leader:name} stays where it was."
        ),
        Said(
            "At the end of 63 sessions: {signal.probability_catch_up:chance} by the model, "
            "{signal.probability_random_walk:chance} by a random walk, that is by the size of the gap alone, and "
            "{signal.reference_rate:percent} of {signal.reference_days:number} earlier days with {signal.follower:name} behind "
            "by between half and twice as much, which is history and no chance ({signal.reference_independent:number} of "
            "them further apart than the horizon)."
        ),
        Said(
            "At the end of 63 sessions: {signal.probability_catch_up:chance} by the model, "
            "{signal.probability_random_walk:chance} by a random walk, that is by the size of the gap alone, and no rate of "
            "earlier days, since only {signal.reference_days:number} day[?s?] had {signal.follower:name} behind by a like gap.",
            lambda v: v["signal.reference_rate"] is None,
            Kind.REFERENCE,
        ),
        Said(
            "At any close within 63 sessions, which is easier: {signal.probability_within_random_walk:chance} by a random walk"
            "[? and {signal.reference_rate_within:percent} of the same earlier days?]."
        ),
        Said(
            "Whether the model knows more than the size of the gap cannot be told yet from {signal.forecasts_scored:number} earlier forecast[?s?].",
            lambda v: v["signal.skill_so_far_ci95_low"] is None,
        ),
        *(
            Said(
                f"{words} (skill {{signal.skill_so_far:percent}}, 95% interval {{signal.skill_so_far_ci95_low:percent}} to "
                f"{{signal.skill_so_far_ci95_high:percent}}).",
                when,
                Kind.INTERVAL,
            )
            for words, when in (
                (
                    "{signal.forecasts_scored:number} earlier forecast[?s?] at this horizon did better than the size of the gap "
                    "alone",
                    lambda v: v["signal.skill_so_far_ci95_low"] > 0,
                ),
                (
                    "No foresight: {signal.forecasts_scored:number} earlier forecast[?s?] at this horizon did worse than the "
                    "size of the gap alone",
                    lambda v: v["signal.skill_so_far_ci95_high"] < 0,
                ),
                (
                    "No foresight beyond the size of the gap: {signal.forecasts_scored:number} earlier forecast[?s?] here "
                    "cannot be told from a random walk",
                    lambda v: v["signal.skill_so_far_ci95_low"] <= 0 <= v["signal.skill_so_far_ci95_high"],
                ),
            )
        ),
    ),
    "Fed policy": (
        *(
            Said(
                f"The Fed {did} on {{decision.meeting_date:date}}: target {{decision.target_lower_pct:number}} to "
                f"{{decision.target_upper_pct:number}}%.",
                lambda v, action=action: v["decision.action"] == action,  # type: ignore[misc]
                Kind.NUMBER,
            )
            for action, did in (("cut", "cut"), ("hold", "held"), ("hike", "raised"))
        ),
        *(
            Said(
                f"The last change was a {moved} on {{change.meeting_date:since}}, {passed} before {{as_of:date}}.",
                lambda v, sign=sign: v["change.change_bp"] * sign > 0,  # type: ignore[misc]
                Kind.SINCE,
            )
            for moved, sign in (("cut", -1), ("hike", 1))
            for passed in ("{change.months:number} full month[?s?]", "{change.less_than_a_month:word} than a month")
        ),
        Said(
            "The policy cycle is {decision.cycle:word} since {decision.cycle_start:since}, "
            "{decision.cumulative_change_bp:number} bp in all.",
            lambda v: v["decision.cycle"] != "hold",
            Kind.SINCE,
        ),
        Said(
            "Futures of {priced.observed_on:date} price {priced.priced_change_12m_bp:number} bp over the 12 months after."
        ),
    ),
    "Fed liquidity": (
        Said(
            "Net liquidity, the Fed's assets less the Treasury's account and reverse repo, was USD "
            "{liquidity.net_liquidity_usd_bn:number} bn on {liquidity.date:date}[?, "
            "{liquidity.net_liquidity_change_13w_usd_bn:number} bn in 13 weeks?]."
        ),
    ),
}

_EDGE = "The 63-session gap, {trend.gap_63d:move} on {trend.session:date},"
WOULD_CHANGE = (
    Said(
        "{lag.follower:name} closes above {follower.record_close:number}, {follower.to_record:percent} from its close of {follower.session:date}: the lag ends, recovered.",
        lambda v: v["lag.open"],
    ),
    Said(
        "{lag.leader:name} closes at or below {leader.fallen:number}, {leader.to_fallen:percent} from its close of {leader.session:date}: the lag ends with the leader's fall.",
        lambda v: v["lag.open"],
    ),
    Said(
        f"One of the two sets a record close while the other stands {_FAR} or more below its own: a lag begins. "
        "{asset.symbol:name} stood {asset.drawdown:percent} from its record on {asset.session:date}, {benchmark.symbol:name} "
        "{benchmark.drawdown:percent} on {benchmark.session:date}.",
        lambda v: not v["lag.open"],
    ),
    *(
        Said(
            f"{_EDGE} {way} {{edges.{edge}:move}}{ending} at the next session: {{asset.symbol:name}} {counts}.",
            lambda v, now=now: v["trend.trend_state"] in now,  # type: ignore[misc]
        )
        for way, edge, ending, counts, now in (
            ("falls to", "lagging", " or below", "counts as lagging", ("tracking", "leading")),
            ("rises to", "leading", " or above", "counts as leading", ("tracking", "lagging")),
            ("rises above", "lagging", "", "no longer counts as lagging", ("lagging",)),
            ("falls below", "leading", "", "no longer counts as leading", ("leading",)),
        )
    ),
    Said(
        "The probability of {regime.regime:word}, {regime.p:chance} on {regime.session:date}, falls below 33%: the regime is then whichever is likeliest."
    ),
    *(
        Said(
            f"The Fed decides on {what}, or on nothing until after {{change.hold_after:date}}: the policy cycle ends.",
            lambda v, cycle=cycle: v["decision.cycle"] == cycle,  # type: ignore[misc]
        )
        for cycle, what in (("easing", "a hike"), ("tightening", "a cut"))
    ),
    Said("The Fed changes its target: the policy cycle is no longer hold.", lambda v: v["decision.cycle"] == "hold"),
)

CHANGES = (
    Said("There is no earlier session yet"),
    Said(
        "No state differs from those of the sessions compared below",
        lambda v: not any(v[f"{then}.any_state_changed"] for then in ("last", "week", "month")),
    ),
    *(
        said
        for span, then in (("the last session", "last"), ("a week ago", "week"), ("a month ago", "month"))
        for said in (
            Said(f"State change since {span} ({{{then}.session:date}}): ", lambda v, then=then: v[f"{then}.any_state_changed"]),  # type: ignore[misc]
            Said(f"Since {span} ({{{then}.session:date}}): "),
            *(
                Said(f"{what} {{{then}.{value}:word}} → {{{value}:word}}", lambda v, then=then, value=value: v[f"{then}.{value}"] != v[value])  # type: ignore[misc]
                for what, value in (
                    ("regime", "regime.regime"), ("trend", "trend.trend_state"), ("policy cycle", "decision.cycle"),
                )
            ),
            Said(f"the lag of {{{then}.lag.follower:name}} ended", lambda v, then=then: v[f"{then}.lag.open"] and v[f"{then}.lag.start_session"] != (v["lag.start_session"] if v["lag.open"] else None)),  # type: ignore[misc]
            Said("a lag of {lag.follower:name} began on {lag.start_session:since}", lambda v, then=then: v["lag.open"] and v["lag.start_session"] > v[f"{then}.session"]),  # type: ignore[misc]
            Said(f"{{asset.symbol:name}} {{{then}.asset.moved:percent}}"),
            Said(f"{{benchmark.symbol:name}} {{{then}.benchmark.moved:percent}}"),
            Said(f"63-session gap {{{then}.trend.gap_63d:move}} → {{trend.gap_63d:move}}"),
            Said(f"coupled {{{then}.regime.p_coupled:chance}} → {{regime.p_coupled:chance}}"),
            Said(
                f"chance of {{signal.follower:name}} to have caught up at the end of 63 sessions "
                f"{{{then}.signal.probability_catch_up:chance}} → {{signal.probability_catch_up:chance}}",
                lambda v, then=then: v[f"{then}.signal.follower"] == v["signal.follower"],  # type: ignore[misc]
                Kind.REFERENCE,
            ),
            Said(f"laggard {{{then}.signal.follower:name}} → {{signal.follower:name}}", lambda v, then=then: v[f"{then}.signal.follower"] != v["signal.follower"]),  # type: ignore[misc]
            Said("Fed target unchanged", lambda v, then=then: v[f"{then}.decision.target_upper_pct"] == v["decision.target_upper_pct"]),  # type: ignore[misc]
            Said(f"Fed target {{{then}.target_moved:number}} bp"),
            Said("no new figure of net liquidity", lambda v, then=then: v[f"{then}.liquidity.date"] == v["liquidity.date"]),  # type: ignore[misc]
            Said(f"net liquidity {{{then}.liquidity_moved:number}} bn from {{{then}.liquidity.date:date}} to {{liquidity.date:date}}"),
        )
    ),
)  # fmt: skip

FIGURES = (
    *(
        Said(f"{{{s}.symbol:name}} from record | {{{s}.drawdown:percent}} | on {{{s}.session:date}}; record {{{s}.record_session:date}} | [?a week before: {{week.{s}.drawdown:percent}}?]")
        for s in ("asset", "benchmark")
    ),
    Said("Daily link | {regime.regime:word} {regime.p:chance} | [?correlation {correlation.correlation:number}[?, 95%: {correlation.ci95_low:bound} to {correlation.ci95_high:bound}?], on {correlation.session:date}?] | [?a week before: {week.regime.regime:word} {week.regime.p:chance}?]"),
    Said("Correlation, 60 sessions | {correlation.correlation:number} | correlation {correlation.correlation:number}[?, 95%: {correlation.ci95_low:bound} to {correlation.ci95_high:bound}?], on {correlation.session:date} | "),
    Said("Trend gap, 63 sessions | {trend.gap_63d:move} | {trend.rated:words} on {trend.session:date} | [?a week before: {week.trend.gap_63d:move}?]"),
    Said("Chance to have caught up at the end of 63 sessions | {signal.probability_catch_up:chance} | {signal.follower:name} on {signal.session:date}; random walk {signal.probability_random_walk:chance} | "),
    Said(
        "Chance to have caught up at the end of 63 sessions | {signal.probability_catch_up:chance} | {signal.follower:name} on {signal.session:date}; random walk {signal.probability_random_walk:chance} | a week before: {week.signal.probability_catch_up:chance}",
        lambda v: v["signal.follower"] == v["week.signal.follower"],
        Kind.REFERENCE,
    ),
    Said("Fed target | {decision.target_lower_pct:number}–{decision.target_upper_pct:number}% | {decision.action:word} on {decision.meeting_date:date}[?; {priced.priced_change_12m_bp:number} bp priced on {priced.observed_on:date}?] | [?a week before: {week.decision.target_lower_pct:number}–{week.decision.target_upper_pct:number}%?]"),
    Said("Net liquidity, USD bn | {liquidity.net_liquidity_usd_bn:number} | on {liquidity.date:date}[?; {liquidity.net_liquidity_change_13w_usd_bn:number} bn in 13 weeks?] | [?a week before: {week.liquidity.net_liquidity_usd_bn:number}?]"),
)  # fmt: skip
