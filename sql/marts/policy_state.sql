-- Grain: one row per NYSE session since the first decision. The policy in force, its cycle, and how far into it.
-- Key: session.
-- Why here: joining prices with policy needs a row per session. A decision is in force from the day after its meeting.
with dated as (
    select
        *,
        max(case when change_bp <> 0 then meeting_date end)
            over (order by meeting_date rows unbounded preceding)
            as last_change
    from marts.fed_decisions
)

select
    s.session,
    d.meeting_date as last_meeting_date,
    d.target_lower_pct,
    d.target_upper_pct,
    d.cycle,
    d.cycle_start,
    d.cumulative_change_bp,
    case when year(s.session) = year(d.meeting_date) then d.cuts_this_year else 0 end as cuts_this_year,
    case when d.cycle = 'easing' then s.session - d.cycle_start end as days_since_first_cut,
    s.session - d.last_change as days_since_last_change
from core.sessions as s
asof inner join dated as d on s.session > d.meeting_date
