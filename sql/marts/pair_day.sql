-- Grain: one row per pair and session on which any of the pair's marts has one. What a chart needs, side by side.
-- Key: pair, session.
-- Why here: BI tools draw from one wide table; every one of them would have to join these five marts, each in its own way.
-- A lag counts from its first session to the one before it ends.
with correlations as (
    select
        pair,
        session,
        max(correlation) filter (where window_sessions = 20) as correlation_20d,
        max(correlation) filter (where window_sessions = 60) as correlation_60d,
        max(correlation) filter (where window_sessions = 90) as correlation_90d,
        max(correlation) filter (where window_sessions = 120) as correlation_120d,
        max(correlation) filter (where window_sessions = 252) as correlation_252d,
        max(ci95_low) filter (where window_sessions = 20) as ci95_low_20d,
        max(ci95_low) filter (where window_sessions = 60) as ci95_low_60d,
        max(ci95_low) filter (where window_sessions = 90) as ci95_low_90d,
        max(ci95_low) filter (where window_sessions = 120) as ci95_low_120d,
        max(ci95_low) filter (where window_sessions = 252) as ci95_low_252d,
        max(ci95_high) filter (where window_sessions = 20) as ci95_high_20d,
        max(ci95_high) filter (where window_sessions = 60) as ci95_high_60d,
        max(ci95_high) filter (where window_sessions = 90) as ci95_high_90d,
        max(ci95_high) filter (where window_sessions = 120) as ci95_high_120d,
        max(ci95_high) filter (where window_sessions = 252) as ci95_high_252d
    from marts.rolling_correlations
    group by pair, session
),

lags as (
    select
        p.pair,
        l.session,
        arg_min(l.leader, l.sessions) as lag_leader,
        min(l.sessions) as lag_sessions
    from core.pairs as p
    inner join marts.lag_history as l on l.leader in (p.asset, p.benchmark) and l.follower in (p.asset, p.benchmark)
    where l.outcome = 'open'
    group by p.pair, l.session
),

days as (
    select
        pair,
        session
    from marts.relative_strength
    union
    select
        pair,
        session
    from correlations
    union
    select
        pair,
        session
    from marts.correlation_regimes
    union
    select
        pair,
        session
    from lags
)

select
    d.pair,
    d.session,
    p.asset,
    p.benchmark,
    a.close as asset_close,
    b.close as benchmark_close,
    a.drawdown as asset_drawdown,
    b.drawdown as benchmark_drawdown,
    a.is_record_close as asset_is_record_close,
    b.is_record_close as benchmark_is_record_close,
    c.correlation_20d,
    c.correlation_60d,
    c.correlation_90d,
    c.correlation_120d,
    c.correlation_252d,
    c.ci95_low_20d,
    c.ci95_low_60d,
    c.ci95_low_90d,
    c.ci95_low_120d,
    c.ci95_low_252d,
    c.ci95_high_20d,
    c.ci95_high_60d,
    c.ci95_high_90d,
    c.ci95_high_120d,
    c.ci95_high_252d,
    r.regime,
    r.p_coupled,
    r.p_decoupled,
    r.p_inverse,
    r.spell_id,
    s.ratio,
    s.gap_63d,
    s.gap_126d,
    s.gap_252d,
    s.gap_63d_zscore,
    s.trend_state,
    l.lag_leader is not null as in_lag,
    l.lag_leader,
    l.lag_sessions
from days as d
inner join core.pairs as p on d.pair = p.pair
left join marts.market_state as a on p.asset = a.symbol and d.session = a.session
left join marts.market_state as b on p.benchmark = b.symbol and d.session = b.session
left join correlations as c on d.pair = c.pair and d.session = c.session
left join marts.correlation_regimes as r on d.pair = r.pair and d.session = r.session
left join marts.relative_strength as s on d.pair = s.pair and d.session = s.session
left join lags as l on d.pair = l.pair and d.session = l.session
