-- Grain: one row per pair and session on which both have a price. Who runs ahead, over a quarter, a half and a year.
-- Why here: return correlation and trend are different things; this is the trend. The z-score looks at the past only: the
-- 756 sessions before today, today left out.
with joint as (
    select
        p.pair,
        a.session,
        a.return_price / b.return_price as ratio
    from core.pairs as p
    inner join core.session_prices as a on p.asset = a.symbol
    inner join core.session_prices as b on p.benchmark = b.symbol and a.session = b.session
    where a.return_price is not null and b.return_price is not null
),

gaps as (
    select
        pair,
        session,
        ratio,
        max(ratio) over (partition by pair order by session rows unbounded preceding) as record_ratio,
        ln(ratio / lag(ratio, 63) over sessions) as gap_63d,
        ln(ratio / lag(ratio, 126) over sessions) as gap_126d,
        ln(ratio / lag(ratio, 252) over sessions) as gap_252d
    from joint
    window sessions as (partition by pair order by session)
),

scored as (
    select
        *,
        case
            when count(gap_63d) over past >= 252
                then (gap_63d - avg(gap_63d) over past) / nullif(stddev_samp(gap_63d) over past, 0)
        end as gap_63d_zscore
    from gaps
    window past as (partition by pair order by session rows between 756 preceding and 1 preceding)
)

select
    pair,
    session,
    ratio,
    ratio / record_ratio - 1 as ratio_drawdown,
    gap_63d,
    gap_126d,
    gap_252d,
    gap_63d_zscore,
    case
        when gap_63d_zscore >= 1 then 'leading'
        when gap_63d_zscore <= -1 then 'lagging'
        when gap_63d_zscore is not null then 'tracking'
    end as trend_state
from scored
