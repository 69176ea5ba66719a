"""`python -m helpers.download.job JOB`: the process in which files are fetched.

Both hubs' libraries download in threads that an interrupt does not reach; a process can be ended.
"""

import contextlib
import json
import os
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from helpers.download.hubs import HUBS, explain_failure


def _end_with_parent() -> None:
    """End this process when the one that started it closes the pipe, or is gone."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


def main() -> None:
    """Fetch what the job says; if that fails print a `Failure` as JSON, and nothing else."""
    job = json.loads(sys.argv[1])
    target = Path(job["target"])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.redirect_stdout(sys.stderr):
        try:
            HUBS[job["source"]].fetch(job["model_id"], job["revision"], target, job["names"])
        except Exception as error:
            failure = explain_failure(error, job["source"], job["model_id"], target)
            print(json.dumps(asdict(failure)), file=sys.__stdout__)


if __name__ == "__main__":
    main()
