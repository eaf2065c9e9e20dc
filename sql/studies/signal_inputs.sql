-- Grain: one row per pair and session. Everything a forecast made at the end of that session may look at.
-- Why here: each input has its own day of becoming known, and this is the one place where they meet. Fed data join by the day
-- they were public, decisions from the day after the meeting, fund flows from the day after the flow. The 60-day correlation
-- stands for the return regime; a regime probability of the same grain can take its place in `coupling`.
with ratios as (
    select
        r.pair,
        p.asset,
        r.session,
        r.ratio,
        r.gap_63d,
        ln(r.ratio / lag(r.ratio) over (partition by r.pair order by r.session)) as ratio_return
    from marts.relative_strength as r
    inner join core.pairs as p on r.pair = p.pair
),

trends as (
    select
        pair,
        asset,
        session,
        ratio,
        gap_63d,
        case when count(ratio_return) over half_year = 126 then stddev_samp(ratio_return) over half_year end as ratio_volatility
    from ratios
    window half_year as (partition by pair order by session rows between 125 preceding and current row)
),

coupling as (
    select
        pair,
        session,
        correlation
    from marts.rolling_correlations
    where window_sessions = 60
),

liquidity as (
    select
        available_on,
        net_liquidity_change_13w_usd_bn / (net_liquidity_usd_bn - net_liquidity_change_13w_usd_bn) as impulse
    from marts.fed_liquidity
    where net_liquidity_change_13w_usd_bn is not null
    qualify row_number() over (partition by available_on order by date desc) = 1
),

policy as (
    select
        (meeting_date + 1)::date as known_on,
        case cycle when 'easing' then 1 when 'tightening' then -1 else 0 end as direction
    from marts.fed_decisions
),

volatility as (
    select
        symbol,
        session,
        ln(volatility_30d_annualized / avg(volatility_30d_annualized) over past) as against_usual
    from marts.market_state
    where volatility_30d_annualized > 0
    window past as (partition by symbol order by session rows between 364 preceding and current row)
),

flows as (
    select
        date,
        sum(net_flow_usd_mn) over (order by date rows between 20 preceding and current row) as last_21
    from known.fund_flows
    where fund = 'TOTAL'
)

select
    t.pair,
    t.session,
    t.ratio,
    t.gap_63d,
    t.ratio_volatility,
    c.correlation as coupling,
    l.impulse as liquidity_impulse,
    p.direction as policy_direction,
    v.against_usual as volatility_against_usual,
    case when t.session - f.date <= 7 then f.last_21 end as fund_flows_21d_usd_mn
from trends as t
left join coupling as c on t.pair = c.pair and t.session = c.session
left join volatility as v on t.asset = v.symbol and t.session = v.session
asof left join liquidity as l on t.session >= l.available_on
asof left join policy as p on t.session >= p.known_on
asof left join flows as f on t.session > f.date
where t.gap_63d is not null
