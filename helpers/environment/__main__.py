"""`python -m helpers.environment`: print the check; exit code 1 while a problem is left."""

import sys

from helpers.environment import check_environment

report = check_environment()
print(report)
sys.exit(0 if report.ok else 1)
