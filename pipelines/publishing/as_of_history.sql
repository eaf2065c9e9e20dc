-- Grain: one row per as-of day that was computed. What the product said that evening, in its own figures.
-- Why here: a reader of many days wants the answers, not every row of every day; the marts of all days are beside this.
with headline as (
    select
        as_of,
        arg_max(session, session) as session,
        arg_max(correlation, session) as correlation_60
    from rolling_correlations
    where pair = $pair and window_sessions = 60
    group by as_of
),

regime as (
    select
        as_of,
        arg_max(regime, session) as regime,
        arg_max(p_coupled, session) as p_coupled
    from correlation_regimes
    where pair = $pair
    group by as_of
),

strength as (
    select
        as_of,
        arg_max(gap_63d, session) as gap_63d,
        arg_max(trend_state, session) as trend_state
    from relative_strength
    where pair = $pair
    group by as_of
),

states as (
    select
        as_of,
        arg_max(drawdown, session) filter (where symbol = split_part($pair, '/', 1)) as asset_drawdown,
        arg_max(drawdown, session) filter (where symbol = split_part($pair, '/', 2)) as benchmark_drawdown
    from market_state
    group by as_of
),

chance as (
    select
        as_of,
        arg_max(probability_catch_up, session) as probability_catch_up_63d,
        arg_max(base_rate, session) as base_rate_63d
    from recoupling_signal
    where horizon_sessions = 63
    group by as_of
)

select
    h.as_of,
    $pair as pair,
    h.session,
    h.correlation_60,
    r.regime,
    r.p_coupled,
    s.gap_63d,
    s.trend_state,
    m.asset_drawdown,
    m.benchmark_drawdown,
    c.probability_catch_up_63d,
    c.base_rate_63d
from headline as h
left join regime as r on h.as_of = r.as_of
left join strength as s on h.as_of = s.as_of
left join states as m on h.as_of = m.as_of
left join chance as c on h.as_of = c.as_of
