-- Grain: one row per pair and session. Everything a forecast made at the end of that session may look at.
-- Key: pair, session.
-- Why here: each input has its own day of becoming known, and this is the one place where they meet. Fed data join by the day
-- they were public, fund flows from the day after the flow, decisions from the day after the meeting: FRED posts them then, and
-- a forecast must come out the same on the meeting's evening and years later.
with liquidity as (
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

flows as (
    select
        date,
        list_sum(list(net_flow_usd_mn) over (order by date rows between 20 preceding and current row)) as last_21
    from known.fund_flows
    where fund = 'TOTAL'
)

select
    r.pair,
    r.session,
    r.ratio,
    r.gap_63d,
    c.p_coupled,
    l.impulse as liquidity_impulse,
    d.direction as policy_direction,
    m.volatility_30d_annualized as asset_volatility_annualized,
    case when r.session - f.date <= 7 then f.last_21 end as fund_flows_21d_usd_mn
from marts.relative_strength as r
inner join core.pairs as p on r.pair = p.pair
left join marts.correlation_regimes as c on r.pair = c.pair and r.session = c.session
left join marts.market_state as m on p.asset = m.symbol and r.session = m.session
asof left join liquidity as l on r.session >= l.available_on
asof left join policy as d on r.session >= d.known_on
asof left join flows as f on r.session > f.date
