-- Grain: one row per programme, symbol and horizon, once the horizon is over. What followed, beside what is usual.
-- Key: program, symbol, horizon_sessions.
-- Why here: "such programmes lifted prices" means nothing without how often prices rise that much anyway. The baseline ends
-- where the programme's own return does, so that a row never changes afterwards.
with studied as (
    select
        s.symbol,
        h.horizon_sessions
    from (values ('BTC-USD'), ('^RUT'), ('^GSPC'), ('GC=F')) as s (symbol)
    cross join (values (21), (63), (126), (252)) as h (horizon_sessions)
),

spans as materialized (
    select
        base.symbol,
        base.session,
        base.return_price,
        s.horizon_sessions,
        base.session_number + s.horizon_sessions as last_number
    from core.session_prices as base
    inner join studied as s on base.symbol = s.symbol
    where base.return_price is not null
),

returns as materialized (
    select
        s.symbol,
        s.horizon_sessions,
        s.session,
        after.session as ended_on,
        after.return_price / s.return_price - 1 as change
    from spans as s
    inner join core.session_prices as after on s.symbol = after.symbol and s.last_number = after.session_number
    where after.return_price is not null
),

starts as (
    select
        p.program,
        p.start as program_start,
        min(s.session) as first_session
    from core.programs as p
    inner join core.sessions as s on p.start <= s.session
    group by all
),

events as (
    select
        p.program,
        p.program_start,
        r.symbol,
        r.horizon_sessions,
        r.ended_on,
        r.change,
        count(*) over (partition by r.symbol, r.horizon_sessions order by r.ended_on) as programs_known
    from starts as p
    inner join returns as r on p.first_session = r.session
)

select
    e.program,
    e.symbol,
    e.horizon_sessions,
    any_value(e.program_start) as program_start,
    any_value(e.ended_on) as available_on,
    any_value(e.change) as forward_return,
    round(fsum(b.change) / count(*), 12) as baseline_mean_return,
    count(*) filter (where b.change < e.change) / count(*) as percentile_of_baseline,
    count(*) as baseline_observations,
    any_value(e.programs_known) as programs_known
from events as e
inner join returns as b
    on e.symbol = b.symbol and e.horizon_sessions = b.horizon_sessions and e.ended_on >= b.ended_on
group by e.program, e.symbol, e.horizon_sessions
