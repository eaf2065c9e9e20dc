-- Grain: one row per FOMC meeting whose outcome is public. The target range the day before and the day after.
-- Key: meeting_date.
-- Why the day before and the day after: a change takes effect the day after the statement, except that FRED dates the hikes of
-- December 2015 and December 2016 on the meeting day itself.
with target_range as (
    select
        l.date,
        l.value as lower_pct,
        u.value as upper_pct
    from core.macro_series as l
    inner join core.macro_series as u on l.date = u.date
    where l.role = 'target_lower' and u.role = 'target_upper'
),

meetings as (
    select
        meeting_date,
        (meeting_date - 1)::date as day_before,
        (meeting_date + 1)::date as day_after
    from known.fomc_meetings
    where meeting_date <= getvariable('as_of')
)

select
    m.meeting_date,
    before.lower_pct as lower_before_pct,
    before.upper_pct as upper_before_pct,
    after.lower_pct as target_lower_pct,
    after.upper_pct as target_upper_pct
from meetings as m
asof inner join target_range as before on m.day_before >= before.date
inner join target_range as after on m.day_after = after.date
