"""Is this machine ready? The checks of notebook 00 and of a seat, as a table that shows itself.

It may import the ground and the server's room; the latter only where a check needs it, since the
checks also run where packages are missing.
"""

from helpers.environment.checks import check_environment
from helpers.environment.report import Check, Report

__all__ = ["Check", "Report", "check_environment"]
