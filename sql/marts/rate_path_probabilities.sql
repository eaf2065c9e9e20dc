-- Grain: one row per day with settlements, coming meeting and target range that is not out of the question.
-- Key: observed_on, meeting_date, target_lower_pct.
-- Why here: the same outlooks in long form, for charts of every range.
with ranges as (
    select
        observed_on,
        meeting_date,
        lowest_lower_pct,
        lowest_upper_pct,
        unnest(probabilities) as probability,
        generate_subscripts(probabilities, 1) - 1 as steps_up
    from derived.meeting_outlooks
    where path_ends is null
)

select
    observed_on,
    meeting_date,
    lowest_lower_pct + 0.25 * steps_up as target_lower_pct,
    lowest_upper_pct + 0.25 * steps_up as target_upper_pct,
    probability
from ranges
where probability > 1e-12
