-- Grain: one row per series and observation date: the newest vintage public by the as-of date.
-- Key: series_id, date.
-- Why here: FRED mixes millions and billions; after this model nobody has to think about units again. A stored vintage date
-- says when a value became public; without one the catalog's release lag does, rounded up to the next business day. A value
-- withdrawn by its publisher is a vintage without a value: from then on the observation is gone.
with dated as (
    select
        o.series_id,
        o.date,
        o.value,
        o.realtime_start,
        s.role,
        s.unit,
        s.release_lag_days,
        (o.date + s.release_lag_days::integer)::date as earliest_release
    from known.macro_observations as o
    inner join core.series as s on o.series_id = s.id
),

published as (
    select
        d.series_id,
        d.date,
        d.value,
        d.role,
        d.unit,
        d.realtime_start,
        coalesce(
            d.realtime_start,
            case when d.release_lag_days <= 0 then d.earliest_release else n.session end
        ) as available_on
    from dated as d
    asof left join core.sessions as n on d.earliest_release <= n.session
),

newest as (
    select *
    from published
    where available_on <= getvariable('as_of')
    qualify row_number() over (partition by series_id, date order by realtime_start desc nulls last) = 1
)

select
    series_id,
    date,
    role,
    case unit when 'usd_mn' then value / 1000 else value end as value,
    case unit when 'usd_mn' then 'usd_bn' else unit end as unit,
    available_on
from newest
where value is not null
