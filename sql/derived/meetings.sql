-- Grain: one row per FOMC meeting, past or announced.
-- Key: meeting_date.
-- Why here: assets in Python read tables; this is the raw calendar as known on the as-of date.
select
    meeting_date,
    scheduled
from known.fomc_meetings
