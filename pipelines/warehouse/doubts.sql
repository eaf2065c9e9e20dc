-- Grain: one row per value that was not believed, or that a person decided about, as far as the as-of day knows of it.
-- Why here: the mart data_quality and the reading speak of these values; raw and the quarantine keep them apart.
with doubts as (
    select
        split_part(q.table_name, '.', 2) as raw_table,
        q.series,
        q.day,
        'quarantined' as state,
        q.rule,
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
        h.table_name,
        h.series,
        h.day,
        'held',
        h.rule,
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
    where h.rule <> 'released' -- what came out of quarantine stands above
    union all
    select
        null,
        r.series,
        r.since,
        'asked_again',
        'asked_again',
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
)

select
    raw_table,
    series,
    day,
    state,
    rule,
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
