-- Grain: one row per catalog symbol and series. How new it is, and how new it should be.
-- Key: source, series.
-- Why here: the age of the data is what matters at 3 a.m., not the age of the materialization. `expected_by` is never in the
-- future: it is the day by which the newest observation already due had to be here, one session of grace for prices, two
-- for macro series (bond-market holidays on which the NYSE trades).
with catalog as (
    select
        id,
        source,
        frequency,
        release_lag_days,
        required,
        1 as grace_sessions,
        'price_bars' as raw_table,
        (select string_agg(p.pair, ', ' order by p.pair) from core.pairs as p where p.asset = s.id or p.benchmark = s.id)
            as dependants
    from core.symbols as s
    union all
    select
        id,
        source,
        frequency,
        release_lag_days,
        required,
        2 as grace_sessions,
        'macro_observations' as raw_table,
        case
            when role in ('total_assets', 'treasuries', 'bills', 'mbs', 'reserves', 'treasury_general_account', 'reverse_repo')
                then 'fed_liquidity.' || role || '_usd_bn'
            when role in ('target_lower', 'target_upper') then 'fed_decisions'
        end as dependants
    from core.series
),

observed as (
    select
        symbol as id,
        max(date) as last_observation,
        count(*) as rows,
        count(*) filter (where close is null) as rows_without_close
    from core.daily_prices
    group by symbol
    union all
    select
        series_id as id,
        max(date) as last_observation,
        count(*) as rows,
        0 as rows_without_close
    from core.macro_series
    where date <= getvariable('as_of') -- a target range announced for tomorrow is no observation yet
    group by series_id
),

restated as (
    select
        id,
        count(*) as revisions_30d
    from known.restatements
    where fetched_on between getvariable('as_of')::date - 30 and getvariable('as_of')
    group by id
),

recent_days as (
    select d.day::date as date
    from generate_series(
        getvariable('as_of')::timestamp - interval 150 day, getvariable('as_of')::timestamp, interval 1 day
    ) as d (day)
),

observation_days as (
    select
        c.id,
        c.grace_sessions,
        d.date,
        (d.date + c.release_lag_days::integer)::date as earliest_release
    from catalog as c
    inner join recent_days as d
        on
            (c.frequency = 'calendar_day')
            or (c.frequency in ('session', 'business_day') and exists (from core.sessions as s where s.session = d.date))
            or (c.frequency = 'weekly_wednesday' and isodow(d.date) = 3)
            or (c.frequency = 'weekly_friday' and isodow(d.date) = 5)
            or (c.frequency = 'monthly' and day(d.date) = 1)
),

due_days as (
    select
        o.id,
        o.date,
        due.session as due_by
    from observation_days as o
    asof inner join core.sessions as released on o.earliest_release <= released.session
    inner join core.sessions as due on due.session_number = released.session_number + o.grace_sessions
),

expected as (
    select
        id,
        max(date) as expected_observation,
        max(due_by) as expected_by
    from due_days
    group by id
)

select
    c.source,
    c.id as series,
    o.last_observation,
    f.fetched_at as last_fetched_at,
    e.expected_observation,
    e.expected_by,
    o.last_observation is null or coalesce(o.last_observation < e.expected_observation, false) as is_stale,
    coalesce(r.revisions_30d, 0) as revisions_30d,
    coalesce(o.rows, 0) as rows,
    coalesce(o.rows_without_close, 0) as rows_without_close,
    c.required,
    c.dependants
from catalog as c
left join observed as o on c.id = o.id
left join restated as r on c.id = r.id
left join expected as e on c.id = e.id
left join known.fetches as f
    on c.raw_table = f.table_name and c.id = f.series and f.fetched_on <= getvariable('as_of')
