-- Grain: one row per Wednesday. The Fed's balance sheet in USD bn, with the day it became public.
-- Key: date.
-- Why here: net liquidity is the one series that everybody computes and many get wrong by a factor of a thousand. Reverse repo
-- is a daily series: the last operation up to the Wednesday counts, if it is at most a week old.
with by_role as (
    select
        date,
        role,
        value,
        available_on
    from core.macro_series
),

balance_sheet as (
    select
        date,
        max(available_on) filter (where role in ('total_assets', 'treasury_general_account')) as available_on,
        max(value) filter (where role = 'total_assets') as total_assets,
        max(value) filter (where role = 'treasuries') as treasuries,
        max(value) filter (where role = 'bills') as bills,
        max(value) filter (where role = 'mbs') as mbs,
        max(value) filter (where role = 'reserves') as reserves,
        max(value) filter (where role = 'treasury_general_account') as treasury_general_account
    from by_role
    group by date
),

reverse_repo as (
    select * from by_role where role = 'reverse_repo'
),

weekly as (
    select
        b.* exclude (available_on),
        case when b.date - r.date <= 7 then r.value end as reverse_repo,
        greatest(b.available_on, case when b.date - r.date <= 7 then r.available_on end) as available_on
    from balance_sheet as b
    asof left join reverse_repo as r on b.date >= r.date
    where b.total_assets is not null
),

netted as (
    select
        *,
        total_assets - treasury_general_account - reverse_repo as net_liquidity
    from weekly
)

select
    n.date,
    n.available_on,
    n.total_assets as total_assets_usd_bn,
    n.treasuries as treasuries_usd_bn,
    n.bills as bills_usd_bn,
    n.mbs as mbs_usd_bn,
    n.reserves as reserves_usd_bn,
    n.treasury_general_account as treasury_general_account_usd_bn,
    n.reverse_repo as reverse_repo_usd_bn,
    n.net_liquidity as net_liquidity_usd_bn,
    n.net_liquidity - w4.net_liquidity as net_liquidity_change_4w_usd_bn,
    n.net_liquidity - w13.net_liquidity as net_liquidity_change_13w_usd_bn
from netted as n
left join netted as w4 on w4.date = n.date - 28
left join netted as w13 on w13.date = n.date - 91
