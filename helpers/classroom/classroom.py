"""Serve a class: vLLM on 127.0.0.1, nginx in front of it, and who is there.

The server starts again when it dies; the seats are told to wait meanwhile. ctrl-C ends all of it.
"""

import argparse
import secrets
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.classroom.door import PROGRAMS, Door, Listener, check_listener, find_program
from helpers.classroom.others import check_others
from helpers.classroom.seats import ClassError, Seat, make_seats, read_seats, write_seats
from helpers.errors import CourseError
from helpers.places import POCKET, Flag, Place, find_place
from helpers.server import (
    Interrupted,
    Server,
    check_own,
    check_port_free,
    end_serving,
    find_servers,
    heed_signals,
    serve,
)
from helpers.versions import REFERENCE, find_stack

if TYPE_CHECKING:
    from helpers.classroom.board import Board

PORT = 8086  # beside the 8085 of the server behind the door
MOST_REPLIES = 128  # n of one request; the notebooks draw 100
NOWHERE = "none.invalid"  # a name that never exists (RFC 2606): no picture is fetched from a URL


def make_place(place: Place, inner_key: str) -> Place:
    """A place whose server is for others: vLLM's own limits, beside those of the door.

    The key travels in the environment, which other users cannot read. What COURSE_SERVE_FLAGS
    says comes later and wins, such as other --allowed-media-domains. With `mm_processor_kwargs` a
    request of 1 KB can have a picture made as large as it likes, so they are for the pocket model
    alone, which needs them (notebooks 04 and 05).
    """
    media = Flag("--allowed-media-domains", NOWHERE, "No request makes the server fetch a URL.")
    left_out = {"--allowed-local-media-path"}
    if place.model_path != POCKET:
        left_out.add("--trust-request-mm-kwargs")
    kept = [flag for flag in place.flags if flag.name not in left_out]
    own = {"VLLM_API_KEY": inner_key, "VLLM_MAX_N_SEQUENCES": str(MOST_REPLIES)}
    return replace(place, api_key=inner_key, flags=(media, *kept), env=place.env | own)


class ClassServer(Server):
    """The server behind the door; while it serves, the door is kept open and the board shown."""

    def __init__(self, place: Place, door: Door, board: "Board") -> None:
        super().__init__(place)
        self.door, self.board = door, board

    def look_after(self) -> None:
        self.door.keep_open()

    def wait(self) -> str:
        with self.board.show():
            return super().wait()


def check_stack(accepted: bool) -> None:
    """Raise `ClassError` on vLLM 0.11.0, unless its holes are accepted."""
    if find_stack() is REFERENCE and not accepted:
        raise ClassError(
            "This is vLLM 0.11.0: whoever has a key can run code on this machine (CVE-2026-22778) "
            "or end the server for everybody (README, Known holes). Serve a class with the current "
            "one, `make class STACK=current`; --accept-known-holes serves it anyway."
        )


def check_server_free(port: int) -> None:
    """Raise an error where the server behind the door cannot have its port."""
    if any(record.port == port for record in find_servers()):
        raise ClassError(
            f"The course's server already runs on port {port}: `make stop` ends it, if nobody "
            "needs it."
        )
    check_port_free(port, "make class …")


def read_path(text: str) -> Path:
    """A file, also one that begins with ~ after an = sign, where no shell reads it."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise argparse.ArgumentTypeError(f"{text} leads to nobody's home") from None


def read_options(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m helpers.classroom", description=__doc__)
    parser.add_argument("--address", required=True, help="the one address of this machine to use")
    parser.add_argument("--seats", type=int, help="how many learners")
    parser.add_argument("--port", type=int, default=PORT, help=f"default {PORT}")
    write, read = "write the seats' lines into a new file", "take the seats of such a file again"
    parser.add_argument("--write-keys", type=read_path, help=write)
    parser.add_argument("--read-keys", type=read_path, help=read)
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="URL",
        help="another machine's class with the same keys, to answer for its share of the seats",
    )
    parser.add_argument("--cert", type=Path, help="a certificate (PEM), for TLS")
    parser.add_argument("--key-file", type=Path, help="its private key (PEM, without passphrase)")
    parser.add_argument(
        "--accept-known-holes", action="store_true", help="serve with vLLM 0.11.0 all the same"
    )
    return parser.parse_args(words)


def choose_seats(options: argparse.Namespace) -> list[Seat]:
    """New seats, or those of a file; exactly one of the two is asked for."""
    if (options.seats is None) == (options.read_keys is None):
        raise ClassError("Give either --seats, for new keys, or --read-keys with a file of them.")
    if options.also and not options.read_keys:
        raise ClassError(
            "--also needs --read-keys: the other machine must know these seats already "
            "(TEACHING.md, Where one machine is not enough)."
        )
    if options.read_keys:
        return read_seats(options.read_keys)
    return make_seats(options.seats)


def hand_out(seats: Sequence[Seat], listener: Listener, options: argparse.Namespace) -> str:
    """The seats' lines, or the file that holds them, since a class may see this screen."""
    if listener.is_rehearsal:
        note = f"A rehearsal: {listener.address} can be reached from this machine alone.\n"
    elif listener.certificate is None:
        note = "Without --cert, whoever listens in this network reads keys and questions.\n"
    else:
        note = ""
    if path := options.write_keys:
        write_seats(seats, listener.base_url, path)
        return f"{note}One line for each of {len(seats)} seats is in {path}, for you alone to read."
    if path := options.read_keys:
        return f"{note}The {len(seats)} seats of {path} are served at {listener.base_url}."
    return note + "\n".join(seat.line(listener.base_url) for seat in seats)


def hold_class(options: argparse.Namespace) -> None:
    """Check everything, open the door, serve until ctrl-C, and shut the door."""
    inner_key = secrets.token_hex(16)
    place = make_place(find_place(), inner_key)
    check_own(place)
    check_stack(options.accept_known_holes)
    for name in PROGRAMS:
        find_program(name)
    seats = choose_seats(options)
    check_server_free(place.port)
    if options.port == place.port:
        raise ClassError(f"--port {options.port} is that of the server behind nginx: take another.")
    listener = check_listener(options.address, options.port, options.cert, options.key_file)
    others = check_others(options.also, listener, seats[0].key, place.served_model_name)
    from helpers.classroom.board import Board  # draws with rich, which a seat does not install

    with Door(listener, seats, place.port, inner_key, others) as door:
        print(hand_out(seats, listener, options), flush=True)
        server = ClassServer(place, door, Board(seats, door.log, place, others))
        try:
            serve(server)
        except Interrupted:
            raise
        except KeyboardInterrupt:
            print(f"\n{end_serving(server)}", flush=True)


def main() -> None:
    heed_signals()
    try:
        hold_class(read_options())
    except Interrupted as interrupt:
        print(f"\nInterrupted: {interrupt}")
    except CourseError as error:
        sys.exit(str(error))
