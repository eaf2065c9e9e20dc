"""When the FOMC meets.

Here: what is asked of the calendar. Not here: the calendar (assets.reference).
"""

from __future__ import annotations

from assets.contracts import raw
from assets.framework.table import ingest
from assets.upstream import Fetched, MeetingSource


@ingest(raw.FomcMeetings)
def fomc_meetings(upstream: MeetingSource) -> Fetched:
    """Meetings of the FOMC, past and announced."""
    return upstream.fomc_meetings()
