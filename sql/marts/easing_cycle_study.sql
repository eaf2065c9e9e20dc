-- Grain: one row per first cut, symbol and horizon, once the horizon is over. What happened after easing began.
-- Key: cycle_start, symbol, horizon_sessions.
-- Why here: the claim that small caps lead early in easing cycles is about a handful of dates, and this is all of them.
-- Decisions since 2009 come from the target range, earlier first cuts from the reference facts.
with first_cut as (
    select meeting_date as cycle_start
    from core.first_cuts
    where meeting_date < getvariable('as_of')
    union
    select cycle_start
    from marts.fed_decisions
    where cycle = 'easing' and meeting_date = cycle_start
),

studied as (
    select
        s.symbol,
        h.horizon_sessions
    from (values ('^RUT'), ('^GSPC'), ('^NDX'), ('BTC-USD')) as s (symbol)
    cross join (values (21), (63), (126), (252)) as h (horizon_sessions)
),

returns as (
    select
        c.cycle_start,
        s.symbol,
        s.horizon_sessions,
        after.session as available_on,
        after.return_price / base.return_price - 1 as change
    from first_cut as c
    cross join studied as s
    inner join core.session_prices as base on s.symbol = base.symbol and c.cycle_start = base.session
    inner join core.session_prices as after
        on s.symbol = after.symbol and base.session_number + s.horizon_sessions = after.session_number
    where base.return_price is not null and after.return_price is not null
)

select
    r.cycle_start,
    r.symbol,
    r.horizon_sessions,
    r.available_on,
    r.change as return_since_first_cut,
    r.change - large.change as return_relative_to_large_caps,
    r.change - nasdaq.change as return_relative_to_nasdaq_100
from returns as r
inner join returns as large
    on r.cycle_start = large.cycle_start and r.horizon_sessions = large.horizon_sessions and large.symbol = '^GSPC'
left join returns as nasdaq
    on r.cycle_start = nasdaq.cycle_start and r.horizon_sessions = nasdaq.horizon_sessions and nasdaq.symbol = '^NDX'
