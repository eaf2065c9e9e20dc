-- Grain: one row per outright purchase of the Desk. What was offered and taken, for which programme, and the running sum.
-- Key: operation_id.
-- Why here: the Desk publishes operations, not programmes. A purchase belongs to a programme by its day and type; what
-- belongs to none (small value exercises) stands without one. An amount that is not known makes the sum unknown from there
-- on, not smaller.
with purchases as (
    select *
    from known.treasury_operations
    where operation_type like '%Purchase' and operation_date <= getvariable('as_of')
),

known_from as (
    select min(operation_date) as first_known from purchases
),

attributed as (
    select
        o.*,
        p.program,
        case when p.program is not null then greatest(p.first_operation, k.first_known) end as complete_from,
        case when p.program is not null then k.first_known - p.first_operation <= 31 end as is_complete,
        coalesce(p.includes_agency_reinvestment, false) as includes_agency_reinvestment
    from purchases as o
    cross join known_from as k
    left join core.programs as p
        on
            o.operation_date between p.first_operation and coalesce(p.last_operation, getvariable('as_of'))
            and list_contains(string_split(p.operation_types, ', '), o.operation_type)
)

select
    operation_id,
    operation_date,
    settlement_date,
    operation_type,
    submitted_usd_bn,
    accepted_usd_bn,
    program,
    case
        when program is not null and count(*) over so_far = count(accepted_usd_bn) over so_far
            then round(sum(accepted_usd_bn) over so_far, 6)
    end as program_cumulative_usd_bn,
    complete_from,
    is_complete,
    includes_agency_reinvestment
from attributed
window so_far as (partition by program order by operation_date, operation_id rows unbounded preceding)
