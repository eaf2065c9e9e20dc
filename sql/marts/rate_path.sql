-- Grain: one row per day with settlements and coming meeting; where a contract is missing, one row that names it.
-- Key: observed_on, meeting_date.
-- Why here: the outlooks are solved once; this is what one reads of each.
select
    observed_on,
    meeting_date,
    rate_before_pct,
    expected_rate_pct,
    100 * (expected_rate_pct - rate_before_pct) as change_bp,
    cumulative_change_bp,
    priced_change_12m_bp,
    lowest_lower_pct + 0.25 * (list_position(probabilities, list_max(probabilities)) - 1) as most_likely_lower_pct,
    list_max(probabilities) as most_likely_probability,
    path_ends
from derived.meeting_outlooks
