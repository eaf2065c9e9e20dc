-- Grain: one row per fund and trading day with a reported flow. The day's net flow and what it adds up to.
-- Key: date, fund.
-- Why here: a pending day is missing, not zero. Spans count NYSE sessions, so that a sum over a span with a missing day is
-- null instead of too small; so is the sum since the fund's first day, from a missing day on.
with reported as (
    select
        f.fund,
        f.date,
        f.net_flow_usd_mn,
        s.session_number,
        n.session as available_on
    from known.fund_flows as f
    inner join core.sessions as s on f.date = s.session
    inner join core.sessions as n on s.session_number + 1 = n.session_number
    where n.session <= getvariable('as_of')
)

select
    date,
    fund,
    available_on,
    net_flow_usd_mn,
    case when count(*) over last_5 = 5 then round(sum(net_flow_usd_mn) over last_5, 6) end as net_flow_5d_usd_mn,
    case when count(*) over last_21 = 21 then round(sum(net_flow_usd_mn) over last_21, 6) end as net_flow_21d_usd_mn,
    case
        when count(*) over so_far = session_number - first_value(session_number) over so_far + 1
            then round(sum(net_flow_usd_mn) over so_far, 6)
    end as cumulative_usd_mn
from reported
window
    last_5 as (partition by fund order by session_number range between 4 preceding and current row),
    last_21 as (partition by fund order by session_number range between 20 preceding and current row),
    so_far as (partition by fund order by session_number rows unbounded preceding)
