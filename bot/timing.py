"""How long the parts wait for each other."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long the parts wait. The defaults are for production; a sandbox on one machine can be quicker."""

    look: timedelta = timedelta(seconds=1)
    pause: timedelta = timedelta(seconds=1)
    claim: timedelta = timedelta(seconds=20)
    grace: timedelta = timedelta(seconds=30)
    spacing: timedelta = timedelta(seconds=1.5)
