"""The door of a class: nginx on one address, which knows the seats by their keys.

It lets through what the notebooks use and nothing else, holds every seat to its share, and asks
vLLM in a seat's name: from a loopback address of the seat's own, with a key that no seat knows.
With other machines that serve the same class it deals the seats in turn, and takes those of a
server that is away to the others. nginx runs as this user, without root. Its configuration holds
the keys and is for this user alone.
"""

import contextlib
import errno
import fcntl
import getpass
import grp
import ipaddress
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import psutil

from helpers.classroom.seats import ClassError, Seat
from helpers.server import STATE, find_holder, hold_signals

READ = ("/v1/models", "/version", "/health", "/metrics")  # what notebooks 02 to 13 GET
ASK = ("/v1/chat/completions", "/tokenize", "/detokenize")  # and POST
BODY = 32  # MiB; a clip of the course is 0.1
OPEN = 16  # requests of one seat at once; the notebooks have at most 8
RATE = 20  # requests a second of one seat in the long run
AT_ONCE = 40  # that may come together before nginx makes them wait
QUEUE = 200  # of a seat that wait; more are refused
REPLY = 600  # s that vLLM may be silent
START = 10.0  # s for nginx to listen
STOP = 5.0  # s for it to end
RETRY = 15  # s after which a client should ask again while the engine starts
ELSEWHERE = 20  # s within which a request that met nobody may be taken to another server
AWAY = 3  # s that a server which did not answer is left alone
OWN = "own.sock"  # in the door's folder: where it asks the vLLM of this machine
FILES = 8192
PROGRAMS = {  # that the door needs: what for, and where they come from
    "nginx": "which keeps the seats apart: `sudo apt-get install nginx-light`, and then `sudo "
    "systemctl disable --now nginx`, since the package starts one of its own on port 80",
    "setpriv": "which ends nginx together with this program: `sudo apt-get install util-linux`",
}

# Statuses that nginx itself answers with: what is sent, OpenAI's type of error, the sentence.
REFUSALS = {
    401: (401, "invalid_api_key", "This key belongs to no seat: copy your seat's line again."),
    404: (
        404,
        "not_found",
        f"This server answers {', '.join((*READ, *ASK))} and nothing else: COURSE_BASE_URL ends in "
        "/v1.",
    ),
    405: (405, "method_not_allowed", f"GET is for {', '.join(READ)}, POST for {', '.join(ASK)}."),
    413: (413, "too_large", f"The request is larger than {BODY} MiB: send a smaller file."),
    429: (
        429,
        "rate_limit",
        f"Too much at once from this seat: at most {OPEN} requests may be open and {QUEUE} wait.",
    ),
    500: (500, "server_error", "The model server ended while it answered: ask again."),
    502: (503, "server_error", "The model server is starting: ask again in a minute."),
    504: (504, "timeout", f"The model server said nothing for {REPLY} s: ask for a shorter reply."),
}


@dataclass(frozen=True)
class Listener:
    """Where the class is served: the name in the seats' URL, the address behind it, a port.

    With `certificate` and `key_file` (PEM) the door speaks TLS.
    """

    name: str
    address: str
    port: int
    certificate: Path | None = None
    key_file: Path | None = None

    @property
    def base_url(self) -> str:
        scheme = "https" if self.certificate else "http"
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{scheme}://{name}:{self.port}/v1"

    @property
    def is_rehearsal(self) -> bool:
        return ipaddress.ip_address(self.address).is_loopback

    @property
    def words(self) -> str:
        """Address and port as nginx takes them."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port}"


def check_listener(
    name: str, port: int, certificate: Path | None = None, key_file: Path | None = None
) -> Listener:
    """Find the address behind a name, and see that the class can be served there.

    Raises `ClassError` where the address is none of this machine's, or stands for all of them,
    where the port is taken, or where a certificate has no key.
    """
    if not 0 < port < 2**16:
        raise ClassError(f"--port is {port}; ports go from 1 to 65535.")
    chain = check_certificate(certificate, key_file)
    try:
        family, *_, place = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise ClassError(f"--address {name} is no address: {_list_addresses()}") from None
    if ipaddress.ip_address(place[0]).is_unspecified:
        raise ClassError(
            f"--address {name} would open the server to every network that this machine is in: "
            f"name one. {_list_addresses()}"
        )
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            raise ClassError(_explain_bind(error, name, port)) from None
    if chain:
        check_name(name, certificate, chain)
    return Listener(name, place[0], port, certificate, key_file)


def check_certificate(certificate: Path | None, key_file: Path | None) -> ssl.SSLContext | None:
    """A server's context of both; None where neither is given.

    Raises `ClassError` where one is missing, or they do not belong together.
    """
    if (certificate is None) != (key_file is None):
        given, missing = ("--cert", "--key-file") if certificate else ("--key-file", "--cert")
        raise ClassError(f"{given} needs {missing} too: TLS takes a certificate and its key.")
    for path in filter(None, (certificate, key_file)):
        try:
            path.read_bytes()
        except OSError as error:
            raise ClassError(f"{path} cannot be read ({error.strerror}).") from None
    if certificate is None:
        return None
    chain = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        chain.load_cert_chain(certificate, key_file, password="")
    except ssl.SSLError as error:
        words = (error.reason or "no PEM or a passphrase").replace("_", " ").lower()
        raise ClassError(
            f"{certificate} and {key_file} cannot be used ({words}): nginx takes a certificate and "
            "its own private key, both as PEM, the key without a passphrase."
        ) from None
    return chain


def check_name(name: str, certificate: Path, chain: ssl.SSLContext) -> None:
    """Raise `ClassError` for a certificate that no seat would accept at this address.

    A handshake in memory, by a client that trusts the certificate: its names and its dates remain.
    """
    client = ssl.create_default_context(cafile=certificate)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Python 3.13's own, which older seats lack
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    seat = client.wrap_bio(back, there, server_hostname=name.partition("%")[0])
    try:
        for end in (seat, chain.wrap_bio(there, back, server_side=True), seat):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or str(error.reason).replace("_", " ").lower()
        raise ClassError(
            f"No seat would accept {certificate} at --address {name}: {reason.rstrip('.')}. It has "
            "to be valid today, for this name or address (its subjectAltName)."
        ) from None


def _explain_bind(error: OSError, name: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {name} is taken by {find_holder(port)}: take another with --port."
    if error.errno == errno.EACCES:
        return f"Port {port} is for root alone: take one from 1024 on with --port."
    return f"--address {name} is not one of this machine: {_list_addresses()}"


def _list_addresses() -> str:
    """The addresses that a class could be served on, in a sentence."""
    found = [
        f"{one.address} ({card})"
        for card, addresses in psutil.net_if_addrs().items()
        for one in addresses
        if one.family == socket.AF_INET
    ]
    return f"it has {', '.join(found)}." if found else "it has none at all."


def find_program(name: str) -> str:
    """A program that the door needs; nginx is often not on a user's path."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    if found := shutil.which(name, path=path):
        return found
    raise ClassError(f"{name} is missing, {PROGRAMS[name]}.")


def write_configuration(
    listener: Listener,
    seats: Sequence[Seat],
    upstream: int,
    inner_key: str,
    others: Sequence[str] = (),
    files: int = FILES,
) -> str:
    """nginx's configuration for these seats, before the vLLM at 127.0.0.1:`upstream`.

    `others` are the doors of other machines that serve the same seats, as host:port.
    """
    servers = [f"unix:{OWN}", *others]
    tls = ""
    if listener.certificate:
        tls = f"""
    ssl_certificate {_quote(listener.certificate)};
    ssl_certificate_key {_quote(listener.key_file)};
    ssl_protocols TLSv1.2 TLSv1.3;"""
    root = os.geteuid() == 0
    user = f"user {getpass.getuser()} {grp.getgrgid(os.getegid()).gr_name};\n" if root else ""
    return f"""{user}daemon off;
worker_processes 2;
worker_rlimit_nofile {files};
pid nginx.pid;
error_log errors.log error;
events {{ worker_connections {files // 2}; }}
http {{
  log_format seats escape=json '{{"time":$msec,"seat":"$seat","method":"$request_method",'
    '"path":"$shown","status":$status,"received":$request_length,"sent":$bytes_sent,'
    '"seconds":$request_time}}';
  access_log seats.log seats;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  map_hash_max_size 4096; map_hash_bucket_size 128;
  # Whoever has no key can ask for anything, quickly: the log takes the beginning of it.
  map $uri $shown {{
    default "";
    "~^(?<beginning>/[ -~]{{0,40}})" $beginning;
  }}
  map $http_authorization $seat {{
    default "";
{_join(f'    "Bearer {seat.key}" {seat.name};' for seat in seats)}
  }}
  map $seat $source {{
    default "";
{_join(f"    {seat.name} {seat.source};" for seat in seats)}
  }}
  # What another door sends on is answered by this machine's server, or not at all.
  map $http_x_class_door$seat $server {{
    default own;
{_join(f"    {seat.name} server{deal(seat, len(servers))};" for seat in seats)}
  }}
  upstream own {{ server unix:{OWN}; }}
{_join(_write_group(number, servers) for number in range(len(servers)))}
  limit_conn_zone $seat zone=open:1m;
  limit_req_zone $seat zone=rate:1m rate={RATE}r/s;
  limit_conn_status 429;
  limit_req_status 429;
  limit_conn_log_level warn;
  limit_req_log_level warn;
  server_tokens off;
  default_type application/json;
  client_header_timeout 15s;
  client_body_timeout 60s;
  send_timeout 60s;
  keepalive_timeout 60s;
  client_max_body_size {BODY}m;
  client_body_buffer_size 256k;
  proxy_http_version 1.1;
  proxy_buffering off;
  proxy_connect_timeout {AWAY}s;
  proxy_read_timeout {REPLY}s;
  proxy_next_upstream off;
  server {{
    listen {listener.words}{" ssl" if listener.certificate else ""};{tls}
    # A server that is away answers 503, or nobody does: then the next one is asked.
    proxy_next_upstream error timeout http_503 non_idempotent;
    proxy_next_upstream_timeout {ELSEWHERE}s;
    proxy_set_header Host 127.0.0.1;
    proxy_set_header X-Class-Door 1;
    if ($seat = "") {{ return 401; }}
    limit_conn open {OPEN};
    limit_req zone=rate burst={QUEUE} delay={AT_ONCE};
{_join(f"    error_page {status} ={REFUSALS[status][0]} @refuse{status};" for status in REFUSALS)}
{_join(_write_refusal(status) for status in REFUSALS)}
{_join(_write_route(path, "GET") for path in READ)}
{_join(_write_route(path, "POST") for path in ASK)}
    location / {{ return 404; }}
  }}
  server {{
    listen unix:{OWN};
    access_log off;
    error_page 502 = @broken;
    error_page 504 = @refuse504;
{_write_refusal(504)}
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_bind $source;
      proxy_set_header Host 127.0.0.1;
      proxy_set_header Authorization "Bearer {inner_key}";
    }}
    # 503 if vLLM was not reached; 500 if it ended, perhaps of this very request, so that no other
    # server is asked the same.
    location @broken {{
      add_header Retry-After {RETRY} always;
      if ($upstream_connect_time = "-") {{ {_write_return(502)} }}
      {_write_return(500)}
    }}
  }}
}}
"""


def deal(seat: Seat, servers: int) -> int:
    """Which of so many servers answers a seat as long as it is up: 0 is this machine's."""
    return (seat.number - 1) % servers


def _write_group(number: int, servers: Sequence[str]) -> str:
    """One server for its own seats, and the rest for when it is away."""
    kept = f"fail_timeout={AWAY}s"
    rest = "".join(f" server {one} {kept} backup;" for one in servers if one != servers[number])
    return f"  upstream server{number} {{ server {servers[number]} {kept};{rest} }}"


def _write_route(path: str, method: str) -> str:
    """One open route. The path is written out, so that nothing else is ever asked of vLLM."""
    return (
        f"    location = {path} {{ if ($request_method != {method}) {{ return 405; }} "
        f"proxy_pass http://$server{path}; }}"
    )


def _write_refusal(status: int) -> str:
    again = f"add_header Retry-After {RETRY} always; " if REFUSALS[status][0] == 503 else ""
    return f"    location @refuse{status} {{ {again}{_write_return(status)} }}"


def _write_return(status: int) -> str:
    sent, kind, sentence = REFUSALS[status]
    error = {"message": sentence, "type": kind, "param": None, "code": sent}
    body = json.dumps({"error": error}).replace("'", r"\'")
    return f"return {sent} '{body}';"


def _quote(path: Path | None) -> str:
    escaped = str(path and path.resolve()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _join(lines: object) -> str:
    return "\n".join(lines)


class Door:
    """nginx in front of a class. `with Door(…)` opens it and, at the end, shuts it."""

    def __init__(
        self,
        listener: Listener,
        seats: Sequence[Seat],
        upstream: int,
        inner_key: str,
        others: Sequence[str] = (),
    ) -> None:
        self.listener, self.seats, self.upstream = listener, tuple(seats), upstream
        self.others = tuple(others)
        self._inner_key = inner_key
        self.folder = STATE / f"class-{listener.port}"
        self._process: subprocess.Popen | None = None
        self._lock: TextIO | None = None

    @property
    def log(self) -> Path:
        """One JSON object for each answer: the seat, never its key."""
        return self.folder / "seats.log"

    def __enter__(self) -> "Door":
        try:
            self._prepare()
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Start nginx and wait until it listens; `ClassError` with its own words if it does not."""
        command = [find_program("nginx"), "-p", f"{self.folder}/", "-c", f"{self._configuration}"]
        command += ["-e", "stderr"]
        (self.folder / OWN).unlink(missing_ok=True)  # of an nginx that was killed
        tried = subprocess.run([*command, "-q", "-t"], cwd=self.folder, **_TEXT)
        if tried.returncode:
            raise ClassError(f"nginx does not take the configuration: {_find_cause(tried.stderr)}")
        with hold_signals(), (self.folder / "start.log").open("w") as log:
            self._process = subprocess.Popen(
                [find_program("setpriv"), "--pdeathsig", "TERM", *command],
                cwd=self.folder,  # a socket's path must be short
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # out of reach of this terminal's ctrl-C
            )
        end = time.monotonic() + START
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > end:
                words = _find_cause((self.folder / "start.log").read_text())
                raise ClassError(f"nginx did not start: {words}")
            time.sleep(0.05)

    def keep_open(self) -> None:
        """Start nginx again if it has ended."""
        if self._process is not None and self._process.poll() is not None:
            print(f"nginx ended (status {self._process.returncode}) and is started again.")
            self._kill_group()
            self.open()

    def _kill_group(self) -> None:
        """What is left of nginx; the workers of one that was killed hold the port and the keys."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End nginx and remove the keys; the log of the seats stays."""
        with hold_signals():
            if self._process is not None:
                self._process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(STOP)
                self._kill_group()
                self._process.wait()
            self._process = None
            if self._lock is not None:
                self._configuration.unlink(missing_ok=True)
                self._lock.close()
                self._lock = None

    @property
    def _configuration(self) -> Path:
        return self.folder / "nginx.conf"

    def _prepare(self) -> None:
        """Write the configuration into a folder that this user alone can enter."""
        try:
            STATE.mkdir(exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self.folder.chmod(0o700)
            lock = (self.folder / "lock").open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                raise ClassError(
                    f"Another class of this folder has port {self.listener.port}, on whatever "
                    "address: take another with --port."
                ) from None
            except OSError:
                pass  # a network disk may have no locks
            self._lock = lock
            for old in (self._configuration, self.log, self.folder / "errors.log"):
                old.unlink(missing_ok=True)
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            files = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
            text = write_configuration(
                self.listener, self.seats, self.upstream, self._inner_key, self.others, files
            )
            handle = os.open(self._configuration, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(text)
        except OSError as error:
            raise ClassError(f"{self.folder} cannot be used ({error.strerror}).") from None

    def _listens(self) -> bool:
        with contextlib.suppress(OSError):
            address = (self.listener.address, self.listener.port)
            socket.create_connection(address, timeout=1).close()
            return self._process.poll() is None
        return False


_TEXT = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}


def _find_cause(text: str) -> str:
    """The first of nginx's own lines that says why, without its time and number."""
    found = re.search(r"\[(?:emerg|alert)\] (?:\d+#\d+: )?(.*)", text)
    return found[1] if found else text.strip() or "it says nothing."
