-- Grain: one row per value that was not believed at once, per night on which a series was restated, per decision of a
-- person, as far as the as-of day knows of it.
-- Why here: the mart data_quality speaks of these; raw, the quarantine and the holds keep them apart.
with final_bars as (
    select
        symbol,
        date,
        revision,
        fetched_on,
        row_number() over (partition by symbol, date order by revision) as final_number
    from raw.price_bars
    where not provisional
),

observations as (
    select
        series_id,
        date,
        coalesce(realtime_start, fetched_on) as known_on,
        row_number() over (partition by series_id, date order by realtime_start, revision) as number
    from raw.macro_observations
),

restated as (
    select
        symbol as series,
        fetched_on as known_on,
        date as day
    from final_bars
    where
        final_number > 1
        and (symbol, date, revision) not in (select (h.series, h.day, h.revision) from ops.holds as h)
    union all
    select
        series_id,
        known_on,
        date
    from observations
    where number > 1
),

doubts as (
    select
        q.series,
        q.day,
        'quarantined' as state,
        q.rule,
        1 as affected,
        q.value,
        q.was,
        q.expected_low,
        q.expected_high,
        coalesce(q.reason, 'breaks the rule ' || q.rule) as reason,
        q.found_on,
        null as found_by,
        q.closed_on,
        q.closed_by,
        q.closed_why
    from quarantine.rows as q
    where q.series is not null
    union all
    select
        h.series,
        h.day,
        'held',
        h.rule,
        1,
        h.value,
        h.was,
        null,
        null,
        h.reason,
        h.found_on,
        h.held_by,
        h.released_on,
        h.released_by,
        h.released_why
    from ops.holds as h
    where h.rule <> 'released' -- came out of quarantine, and stands above
    union all
    select
        r.series,
        r.since,
        'asked_again',
        'asked_again',
        1,
        null,
        null,
        null,
        null,
        r.why,
        r.asked_on,
        r.asked_by,
        r.answered_on,
        r.asked_by,
        'fetched'
    from ops.requests as r
    union all
    select
        t.series,
        max(t.day),
        'restated',
        'restated',
        count(*),
        null,
        null,
        null,
        null,
        'known values from ' || min(t.day)::varchar || ' on were replaced',
        t.known_on,
        null,
        t.known_on,
        null,
        'corrections of this size are believed at once'
    from restated as t
    where t.known_on > getvariable('as_of')::date - 365
    group by t.series, t.known_on
)

select
    series,
    day,
    state,
    rule,
    affected,
    value,
    was,
    expected_low,
    expected_high,
    reason,
    found_on,
    found_by,
    case when closed_on <= getvariable('as_of') then closed_on end as closed_on,
    case when closed_on <= getvariable('as_of') then closed_by end as closed_by,
    case when closed_on <= getvariable('as_of') then closed_why end as closed_why
from doubts
where found_on <= getvariable('as_of')
