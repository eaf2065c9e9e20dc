-- Grain: one row per purchase programme announced by the as-of date.
-- Key: program.
-- Why here: when a programme began, at which pace, and what the Desk's operations show of it, in one place.
with bought as (
    select
        program,
        any_value(complete_from) as complete_from,
        any_value(is_complete) as is_complete,
        count(*) as operations,
        case when count(*) = count(accepted_usd_bn) then round(sum(accepted_usd_bn), 6) end as accepted_usd_bn
    from marts.treasury_purchases
    group by program
)

select
    p.program,
    p.name,
    p.announced_on,
    p.start as program_start,
    case when p.last_operation <= getvariable('as_of') then p.last_operation end as program_end,
    p.announced_usd_bn_per_month,
    p.includes_agency_reinvestment,
    coalesce(b.operations, 0) as operations,
    b.accepted_usd_bn,
    b.complete_from,
    b.is_complete,
    p.source
from core.programs as p
left join bought as b on p.program = b.program
where p.announced_on <= getvariable('as_of')
