"""`python -m helpers.server.watcher PORT TEMPORARY OWNER ABOVE`: what ends a server left alone.

It waits until the process that started the server is gone, however that ended.
"""

import os
import sys
import time

from helpers.server.records import find_parent, read_record, stop_record


def watch(port: int, temporary: str, owner: int, above: int) -> None:
    """Wait until the owner, or the process above it, is gone; then end what it started.

    The record of a server that died by itself stays, so that the next start can name the cause.
    """
    while os.getppid() == owner and above in (0, find_parent(owner)):
        record = read_record(port)
        if record is None or record.temporary != temporary:
            return
        time.sleep(1)
    record = read_record(port)
    if record and record.temporary == temporary and record.processes():
        stop_record(record)


if __name__ == "__main__":
    watch(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
