"""What counts as running ahead: the rule of the trend state.

Here: its figures, which the page quotes as well. Not here: the gaps it is applied to (assets.marts.relative_strength).
"""

from __future__ import annotations

PAST_SESSIONS, PAST_NEEDED = 756, 252  # three years, of which one must be there
EDGE = 1.0  # standard deviations at which a gap counts as leading or lagging
