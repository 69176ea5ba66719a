"""The vLLM server: start, find and stop it, read its log, explain what it refuses and dies of.

`check_constraint` looks at a request's form before it is sent, `explain_refusal` at the answer.

It may import the ground alone.
"""

from helpers.server.constraints import ConstraintError, check_constraint
from helpers.server.log import LogError, StartFacts, read_facts
from helpers.server.records import (
    STATE,
    Record,
    ServerError,
    check_port_free,
    find_holder,
    find_orphans,
    find_servers,
    hold_signals,
    name_process,
    run_to_end,
    stop_record,
    stop_servers,
)
from helpers.server.refusals import explain_refusal
from helpers.server.server import (
    Interrupted,
    Server,
    Stopped,
    check_own,
    end_serving,
    heed_signals,
    serve,
)

__all__ = [
    "STATE",
    "ConstraintError",
    "Interrupted",
    "LogError",
    "Record",
    "Server",
    "ServerError",
    "StartFacts",
    "Stopped",
    "check_constraint",
    "check_own",
    "check_port_free",
    "end_serving",
    "explain_refusal",
    "find_holder",
    "find_orphans",
    "find_servers",
    "heed_signals",
    "hold_signals",
    "name_process",
    "read_facts",
    "run_to_end",
    "serve",
    "stop_record",
    "stop_servers",
]
