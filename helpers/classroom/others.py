"""Other machines that serve the same class: each runs `make class` with the same seats."""

import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx

from helpers.classroom.door import Listener
from helpers.classroom.seats import ClassError
from helpers.places import is_server_address

ANSWER = 5.0  # s for another machine's door


def check_others(urls: Sequence[str], listener: Listener, key: str, model: str | None) -> list[str]:
    """The doors of other machines as host:port, once each knows the seats and serves the model.

    `key` is a seat's. Raises `ClassError` with what to do there.
    """
    return [_check_other(url.rstrip("/"), listener, key, model) for url in dict.fromkeys(urls)]


def _check_other(url: str, listener: Listener, key: str, model: str | None) -> str:
    if not is_server_address(url) or not url.startswith("http://") or urlsplit(url).path != "/v1":
        raise ClassError(
            f"--also {url} is no address of a class, which is like http://192.168.1.21:8086/v1."
        )
    host, port = urlsplit(url).hostname, urlsplit(url).port or 80
    if _find_address(host, port) == (listener.address, listener.port):
        raise ClassError(f"--also {url} is this class itself: name that of another machine.")
    other = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    status, served = _ask(other, key)
    if status == 401:
        raise ClassError(
            f"The class at {url} does not know these seats: copy the file with the keys there and "
            "start it with --read-keys."
        )
    if status == 503:
        raise ClassError(f"The class at {url} has no server yet: wait until it says ready there.")
    if status != 200 or _ask(other, "no seat's")[0] != 401:
        raise ClassError(f"What answers at {url} is no class: start it there by `make class`.")
    if model and served != model:
        raise ClassError(
            f"The class at {url} serves {served}, this machine {model}: both must serve the same."
        )
    return other


def _find_address(host: str, port: int) -> tuple[str, int]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][:2]
    except OSError:
        return host, port


def _ask(other: str, key: str) -> tuple[int, str]:
    """The status of the list of models, and the model that it names."""
    try:
        answer = ask_other(other, "/v1/models", key, ANSWER)
    except httpx.HTTPError as error:
        raise ClassError(
            f"No class answers at http://{other}/v1 ({error}): start it there first, with "
            "--read-keys and the same file of keys."
        ) from None
    try:
        return answer.status_code, answer.json()["data"][0]["id"]
    except (ValueError, LookupError, TypeError):
        return answer.status_code, ""


def ask_other(other: str, path: str, key: str, limit: float) -> httpx.Response:
    """GET a path of another machine's own server, within `limit` s, in the name of a seat."""
    headers = {"Authorization": f"Bearer {key}", "X-Class-Door": "1"}
    return httpx.get(f"http://{other}{path}", headers=headers, timeout=limit, trust_env=False)
