"""Checks of the server and of the way to it: the port, engines left over, a proxy, a seat."""

from urllib.parse import urlsplit
from urllib.request import getproxies_environment

from helpers.environment.report import Check
from helpers.places import Place
from helpers.proxies import find_proxy

MISSING_V1 = "The address should end in /v1."
IN_BETWEEN = (
    "A proxy or gateway in between answers, no vLLM: is the server running, is NO_PROXY right?"
)
HINTS = {401: "Set COURSE_API_KEY.", 403: "Set COURSE_API_KEY."} | dict.fromkeys(
    (407, 502, 503, 504), IN_BETWEEN
)


def check_port(port: int) -> Check:
    """Can the course's server listen here, or does it already?"""
    from helpers.server import ServerError, check_port_free, find_holder, find_servers

    what, expected = f"port {port}", "free, or the course's own server"
    try:
        check_port_free(port)
    except ServerError as error:
        own = next((r for r in find_servers() if r.port == port and r.alive()), None)
        if own:
            return Check(what, f"the course's own server (pid {own.pid})", expected)
        return Check(what, f"taken by {find_holder(port)}", expected, "problem", str(error))
    return Check(what, "free", expected)


def find_own_pids() -> set[int]:
    """The processes of the course's running servers, their engines included."""
    from helpers.server import find_servers

    return {process.pid for record in find_servers() for process in record.processes()}


def check_orphans() -> Check:
    """Engines whose notebook was killed: they keep their memory, the card's too, till stopped."""
    import psutil

    from helpers.server import find_orphans, name_process

    named, size = [], 0
    for process in find_orphans():
        try:
            size += process.memory_info().rss
            named.append(name_process(process))
        except psutil.Error:  # it has just ended
            continue
    if not named:
        return Check("engines left over", "none", "none")
    way_out = (
        f"Their notebook or server is gone, and they hold {size / 2**30:.1f} GiB of main memory: "
        "`make stop` (or `python -m helpers.server stop`) ends them."
    )
    return Check("engines left over", ", ".join(named), "none", "warning", way_out)


def check_proxy(place: Place) -> list[Check]:
    """Where a proxy is set: does it stand between a client and this place's server?"""
    if not getproxies_environment().keys() & {"http", "https", "all"}:
        return []
    host = urlsplit(place.base_url).hostname
    what, expected = "proxy", f"not in the way to {host}"
    proxy = find_proxy(place.base_url)
    if proxy is None:
        how = " (the course sees to it)" if place.name != "remote" else ""
        return [Check(what, f"set, not used for {host}{how}", expected)]
    way_out = (
        f"Requests to the server go through it. If they fail or end in 502, 503 or 504, and {host} "
        f"can be reached directly: `export NO_PROXY={host}` before JupyterLab."
    )
    return [Check(what, _hide_password(proxy), expected, "warning", way_out)]


def _hide_password(proxy: str) -> str:
    address = urlsplit(proxy)
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}"


def _read_sentence(answer: object) -> str:
    """What a class's door says in a refusal, "" where something else refused."""
    try:
        return answer.json()["error"]["message"]
    except (ValueError, LookupError, TypeError):
        return ""


def check_server(place: Place) -> Check:
    """Does the server elsewhere answer, and which models does it serve?"""
    import httpx

    what, expected = "server", "answers at COURSE_BASE_URL"
    headers = {"Authorization": f"Bearer {place.api_key}"}
    try:
        answer = httpx.get(f"{place.base_url}/models", headers=headers, timeout=10)
        answer.raise_for_status()
        models = [model["id"] for model in answer.json()["data"]]
    except httpx.HTTPStatusError as error:
        code = error.response.status_code
        said = _read_sentence(error.response) or HINTS.get(code, MISSING_V1)
        way_out = f"{place.base_url}: {said}"
        return Check(what, f"HTTP {code}", expected, "problem", way_out)
    except ImportError as error:  # a SOCKS proxy
        way_out = f"{error} Or unset ALL_PROXY where the server can be reached directly."
        return Check(what, "not asked", expected, "problem", way_out)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        way_out = (
            f"Is the server running, and is {place.base_url} (COURSE_BASE_URL) its address? "
            f"`curl {place.base_url}/models` from this machine must list its models."
        )
        return Check(what, f"no answer ({type(error).__name__})", expected, "problem", way_out)
    found = f"serves {', '.join(models) or 'no model'}"
    if any("qwen3-vl" in name.lower() or "pocket_model" in name for name in models):
        return Check(what, found, expected)
    way_out = (
        "The notebooks ask the first of these and take it for a Qwen3-VL. If it is another model, "
        "their token counts will not agree; ask whoever runs the server."
    )
    return Check(what, found, expected, "warning", way_out)
