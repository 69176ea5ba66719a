"""Where the course runs, and what differs between the places. Nothing else knows.

A place is one of three:

gpu     Qwen3-VL-4B-Instruct on vLLM on this machine's NVIDIA card
cpu     the pocket model on vLLM on this machine's processor
remote  a server that somebody else runs, at COURSE_BASE_URL

`find_place` chooses by itself; COURSE_PLACE overrides it. The set-up of a seat without an engine
remembers its server in `SEAT`, for a terminal in which COURSE_BASE_URL is not set.
"""

import json
import math
import os
import re
import shlex
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from helpers import versions
from helpers.card import Card, read_nvidia
from helpers.errors import CourseError
from helpers.proxies import find_proxy, is_usable, spare_loopback


class PlaceError(CourseError):
    """A COURSE_… variable asks for something that is not there."""


def read_folder(variable: str, default: Path) -> Path:
    """The folder that a COURSE_… variable names, else the default."""
    try:
        return Path(os.environ.get(variable) or default).expanduser().resolve()
    except (RuntimeError, OSError) as error:
        raise PlaceError(
            f"{variable} is {os.environ[variable]!r}, which leads to no folder ({error}): give the "
            "folder's whole path."
        ) from None


ROOT = Path(__file__).resolve().parent.parent
MEDIA = ROOT / "media"
MEASUREMENTS = ROOT / "measurements"  # what was measured, on which machine, and how
MODELS = read_folder("COURSE_MODELS", ROOT / "models")
MODEL_ID = "Qwen/Qwen3-VL-4B-Instruct"
POCKET = ROOT / "pocket_model" / "trained"
PORT = 8085
SEAT = Path(sys.prefix) / "course-seat.env"  # requirements/install.py writes it, as a shell reads

GIB = 2**30
SHARE = "--gpu-memory-utilization"
SERVER_ONLY = {
    "--served-model-name",
    "--host",
    "--port",
    "--allowed-origins",
    "--trust-request-mm-kwargs",
    "--enable-auto-tool-choice",
    "--tool-call-parser",
}
MIN_CARD = 15.0  # GiB: a card sold as "16 GB" shows a little less
SMALL_CARD = 18.0  # GiB: below it the profile asks for less
# Flags that take the server away from its clients, and what to do instead.
REFUSED_FLAGS = {
    "--host": "the course's server is for this machine alone; for others there is "
    "`make class` (README, For a workshop)",
    "--uds": "the notebooks' clients need a port",
    "--port": "COURSE_BASE_URL=http://127.0.0.1:PORT/v1 together with COURSE_PLACE sets it",
    "--served-model-name": "a model has the name of its folder, which COURSE_MODEL names",
    "--api-key": "the server is for this machine alone, and its clients send no key",
    "--ssl-keyfile": "the notebooks' clients speak http",
    "--ssl-certfile": "the notebooks' clients speak http",
}


@dataclass(frozen=True)
class Flag:
    """One flag of `vllm serve`, its value if it takes one, and why we pass it."""

    name: str
    value: str | None
    why: str

    @property
    def words(self) -> tuple[str, ...]:
        return (self.name,) if self.value is None else (self.name, self.value)


@dataclass(frozen=True)
class Place:
    """What the notebooks need to know of the place they run in.

    `flags` are the `vllm serve` flags after the model; `env` is what the serving process
    needs in its environment; `note` says in one line what the replies are worth here.
    """

    name: str
    reason: str
    base_url: str
    api_key: str
    note: str
    model_path: Path | None = None
    served_model_name: str | None = None
    flags: tuple[Flag, ...] = ()
    env: dict[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        address = urlsplit(self.base_url)
        return address.port or (443 if address.scheme == "https" else 80)

    def __str__(self) -> str:
        return f"place: {self.name} ({self.reason})"

    __repr__ = __str__

    def flag_table(self) -> str:
        """The flags as a Markdown table: flag, value, why."""
        rows = [
            f"| `{f.name}` | {f'`{f.value}`' if f.value else ''} | {f.why} |" for f in self.flags
        ]
        return "\n".join(["| flag | value | why |", "|---|---|---|", *rows])

    def engine_arguments(self) -> dict:
        """The same settings as keyword arguments of vLLM's `LLM`: numbers, dicts and True.

        What only a server needs (name, host, port …) is left out. Built for notebook 06.
        """
        return {
            flag.name.removeprefix("--").replace("-", "_"): read_value(flag.value)
            for flag in self.flags
            if flag.name not in SERVER_ONLY
        }


# What a request may hold, which files it may name, and who may send one.
LIMIT = "--limit-mm-per-prompt"
LIMITS = (
    Flag(
        LIMIT,
        '{"image": 4, "video": 1}',
        "At most so many pictures and clips in one request. vLLM sets memory aside for one of the "
        "costliest kind; in 0.11 a kind set to 0 costs none.",
    ),
    Flag(
        "--allowed-local-media-path",
        str(MEDIA),
        "The one folder whose files a request may name by file:// URL.",
    ),
    Flag(
        "--allowed-origins",
        "[]",
        "No web page may use the server or read its answers; by default 0.11 lets every page.",
    ),
)
# Who holds a reply to its form. By default the first request with a form decides for all.
FORMS = (
    Flag(
        "--structured-outputs-config",
        '{"backend": "xgrammar"}',
        "One library holds replies to their form; by default the first request with a form chooses "
        "it, and what a later one asks may not suit that.",
    ),
)
# So that a reply may call tools (requests that offer none are not changed by it).
TOOLS = (
    Flag("--enable-auto-tool-choice", None, "A reply may call a tool that its request offers."),
    Flag("--tool-call-parser", "hermes", "How Qwen3-VL writes such a call."),
)


def find_place() -> Place:
    """Choose the place: COURSE_PLACE, else a URL, else a large enough card, else the CPU.

    Raises `PlaceError` when a COURSE_… variable cannot be followed. Sets NO_PROXY for 127.0.0.1,
    and the variables of a remembered seat, so that a client in the same Python finds its server.
    """
    recall_seat()
    spare_loopback()
    wanted = os.environ.get("COURSE_PLACE", "").strip().lower()
    url = os.environ.get("COURSE_BASE_URL", "").strip()
    if wanted not in ("", "gpu", "cpu", "remote"):
        raise PlaceError(f"COURSE_PLACE is {wanted!r}; it can be gpu, cpu or remote.")
    if wanted == "remote" or (url and not wanted):
        return _remote(url)
    card = read_nvidia().card
    if wanted:
        reason = f"COURSE_PLACE={wanted}"
    elif card and card.total >= MIN_CARD * GIB:
        wanted, reason = "gpu", f"{card.name} with {card.total / GIB:.0f} GiB"
    elif card:
        wanted, reason = "cpu", f"{card.name} has {card.total / GIB:.0f} GiB, the model needs 16 GB"
    else:
        wanted, reason = "cpu", "no NVIDIA card found"
    return _local(wanted, reason, url or f"http://127.0.0.1:{PORT}/v1", card)


def recall_seat() -> None:
    """Set COURSE_BASE_URL and COURSE_API_KEY as the set-up remembers them; what is set, wins."""
    wanted = os.environ.get("COURSE_PLACE", "").strip().lower()
    if wanted not in ("", "remote") or os.environ.get("COURSE_BASE_URL", "").strip():
        return
    words = shlex.split(SEAT.read_text()) if SEAT.exists() else []
    for name, value in (word.split("=", 1) for word in words):
        if not os.environ.get(name):
            os.environ[name] = value


def _remote(url: str) -> Place:
    if not is_server_address(url):
        raise PlaceError(
            "The place is remote, so COURSE_BASE_URL must be the server's address, "
            f"such as http://192.168.1.20:8086/v1; it is {url!r}."
        )
    proxy = find_proxy(url)
    if proxy and not is_usable(proxy):
        raise PlaceError(
            f"The way to {url} leads through the proxy {proxy}, which the course's clients cannot "
            "use: if the server can be reached directly, "
            f"`export NO_PROXY={urlsplit(url).hostname}`."
        )
    key = os.environ.get("COURSE_API_KEY", "").strip() or "EMPTY"
    if not (key.isascii() and key.isprintable()):
        raise PlaceError(
            "COURSE_API_KEY holds a letter that no key can have (an umlaut, a quotation mark of a "
            "word processor, a line break): copy the key again, or type it."
        )
    return Place(
        name="remote",
        reason=f"COURSE_BASE_URL={url}",
        base_url=url.rstrip("/"),
        api_key=key,
        note="The replies come from the model that this server serves.",
    )


def is_server_address(url: str) -> bool:
    """Can a client take this as its base_url: http or https, a host, a port if any, a path?"""
    try:
        address = urlsplit(url)
        host = (address.hostname or "").encode("idna")
        if address.port == 0:
            return False
    except ValueError:  # a port that is none, brackets that do not close, a host that cannot be
        return False
    plain = re.fullmatch(r"[^\s?#\\]+", url) is not None
    return plain and address.scheme in ("http", "https") and host != b""


def read_own_port(name: str, url: str) -> int:
    """The port of a server that the course starts itself, at exactly such an address."""
    shape = re.fullmatch(r"(?i)http://(?:127\.0\.0\.1|localhost):(\d{1,5})/v1/*", url)
    if shape is None or not 0 < int(shape[1]) < 2**16:
        raise PlaceError(
            f"COURSE_PLACE={name} starts a server on this machine only, so COURSE_BASE_URL must be "
            f"http://127.0.0.1:PORT/v1 with a PORT from 1 to 65535; it is {url!r}."
        )
    return int(shape[1])


def _local(name: str, reason: str, url: str, card: Card | None) -> Place:
    port = read_own_port(name, url)
    profile = _gpu_profile(card) if name == "gpu" else _cpu_profile()
    if os.environ.get("COURSE_MODEL"):
        profile["model_path"] = read_folder("COURSE_MODEL", ROOT)
        profile["served_model_name"] = profile["model_path"].name
        profile["note"] = f"The replies come from {profile['model_path'].name} (COURSE_MODEL)."
    flags = _join_limits(
        Flag("--served-model-name", profile["served_model_name"], "The name clients ask for."),
        Flag("--host", "127.0.0.1", "This machine only; vLLM's default listens on every network."),
        Flag("--port", str(port), "Where it listens; vLLM's default is 8000."),
        *profile.pop("flags"),
        *LIMITS,
        *FORMS,
        *TOOLS,
        *(Flag(*words) for words in versions.list_serve_flags()),
        *_extra_flags(),
    )
    profile["env"] |= versions.list_environment(name, text_alone=_is_text_alone(flags))
    profile["env"]["VLLM_MEDIA_URL_ALLOW_REDIRECTS"] = "0"  # a URL leads where it says, or nowhere
    if os.environ.get("VLLM_API_KEY"):
        profile["env"]["VLLM_API_KEY"] = ""  # clients of this machine send none
    return Place(
        name=name, reason=reason, base_url=url.rstrip("/"), api_key="EMPTY", flags=flags, **profile
    )


def _gpu_profile(card: Card | None) -> dict:
    """The 4B model in bf16 on one card of 16 GB or more; made for the RTX 5090's 32 GB.

    On 16 GB vLLM 0.11 has room for one shorter request, and only with few requests at once:
    the sampler's memory is theirs too (notebook 08).
    """
    small = card is not None and card.total < SMALL_CARD * GIB
    length = "8192" if small else "16384"
    few = (
        Flag("--max-num-seqs", "32", "Fewer requests at once: on 16 GB they take the room."),
        Flag("--max-num-batched-tokens", "2048", "Tokens a step: a server's choice, `LLM`'s not."),
    )
    return {
        "model_path": MODELS / MODEL_ID,
        "served_model_name": "Qwen3-VL-4B-Instruct",
        "note": "The replies come from Qwen3-VL-4B-Instruct.",
        "env": {
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # count cards as the driver does, not by speed
            "CUDA_VISIBLE_DEVICES": "0",
        },
        "flags": (
            Flag("--max-model-len", length, "Longest request, prompt and reply, in tokens."),
            *(few if small else ()),
            Flag(
                SHARE,
                f"{memory_share(card):.2f}",
                "Share of the card's total memory for weights, working memory and KV cache; vLLM's "
                "default is 0.9, in 0.32 0.92.",
            ),
        ),
    }


def renew_share(place: Place) -> Place:
    """The same place with the share of the card that is free now; a server that is gone held some.

    Only the gpu place has one. A share of COURSE_SERVE_FLAGS comes later and stays.
    """
    card = read_nvidia().card if place.name == "gpu" else None
    found = next((i for i, flag in enumerate(place.flags) if flag.name == SHARE), None)
    if card is None or found is None:
        return place
    flag = replace(place.flags[found], value=f"{memory_share(card):.2f}")
    return replace(place, flags=(*place.flags[:found], flag, *place.flags[found + 1 :]))


def memory_share(card: Card | None) -> float:
    """The share of the card's total memory to give vLLM: what is free less 1 GiB, at most 0.90.

    vLLM refuses to start when the share of the total is more than what is free. The 1 GiB is
    for CUDA graphs, which vLLM 0.26 on an H100 kept outside this budget (0.6 to 1 GiB measured).
    """
    if card is None:
        return 0.90
    share = math.floor((card.free - GIB) / card.total * 100) / 100
    return min(max(share, 0.0), 0.90)


def _cpu_profile() -> dict:
    return {
        "model_path": POCKET,
        "served_model_name": "qwen3-vl-pocket",
        "note": "The pocket model answers: it knows the course's own kinds of questions, pictures "
        "and clips, and little else.",
        "env": {
            "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB of memory for the KV cache
            "TORCHDYNAMO_DISABLE": "1",  # or the first sampled reply compiles C++ for 7 to 17 s
        },
        "flags": (
            Flag("--max-model-len", "16384", "Longest request, prompt and reply, in tokens."),
            Flag("--dtype", "float32", "The CPU build fails in guided decoding with bfloat16."),
            Flag("--enforce-eager", None, "Run the model as it is, without compiling it first."),
            Flag(
                "--max-num-batched-tokens",
                "65536",
                "Read any prompt in one go: this build dies of a seeded request read in pieces.",
            ),
        ),
    }


def _extra_flags() -> tuple[Flag, ...]:
    """COURSE_SERVE_FLAGS, split as a shell would; later flags win in vLLM."""
    given = os.environ.get("COURSE_SERVE_FLAGS", "")
    try:
        words = shlex.split(given)
    except ValueError as error:
        raise PlaceError(
            f"COURSE_SERVE_FLAGS cannot be split into words ({error}): close the quotation in "
            f"{given!r}, or take the backslash at its end away."
        ) from None
    flags: list[Flag] = []
    for word in words:
        if word.startswith("--"):
            name, _, value = word.partition("=")
            check_flag(name)
            words = name.replace("_", "-"), value or None
            flags.append(Flag(*words, "From COURSE_SERVE_FLAGS."))
        elif flags and flags[-1].value is None:
            flags[-1] = Flag(flags[-1].name, word, flags[-1].why)
        else:
            raise PlaceError(f"COURSE_SERVE_FLAGS has {word!r} where a --flag should be.")
    return tuple(flags)


def _join_limits(*flags: Flag) -> tuple[Flag, ...]:
    """The flags with those such as `--limit-mm-per-prompt.video 0` as one with all limits.

    vLLM reads what has dots as a last flag of its own, which says nothing of the other kinds: they
    would be without a limit, where ours had one.
    """
    kinds = {f"{LIMIT}.{kind}": kind for kind in ("image", "video")}
    parts = {kinds[f.name]: read_value(f.value) for f in flags if f.name in kinds}
    others = tuple(flag for flag in flags if flag.name not in kinds)
    if not parts:
        return others
    limits = json.dumps(_read_limits(others) | parts)
    return (*others, Flag(LIMIT, limits, "From COURSE_SERVE_FLAGS."))


def _read_limits(flags: Iterable[Flag]) -> dict[str, object]:
    """What the last flag of limits says, {} where it is no mapping."""
    given = [read_value(flag.value) for flag in flags if flag.name == LIMIT]
    return given[-1] if given and isinstance(given[-1], dict) else {}


def _is_text_alone(flags: Iterable[Flag]) -> bool:
    """Whether the server lets in neither pictures nor clips."""
    limits = _read_limits(flags)
    counts = [limits.get(kind) for kind in ("image", "video")]
    return [one.get("count") if isinstance(one, dict) else one for one in counts] == [0, 0]


def check_flag(name: str) -> None:
    """Raise `PlaceError` for a flag that would take the server away from its clients.

    vLLM reads `_` as `-`, and a beginning of a flag as the flag (`--hos`).
    """
    spelt = name.replace("_", "-")
    for refused, way_out in REFUSED_FLAGS.items():
        if refused.startswith(spelt) and len(spelt) > 3:
            raise PlaceError(f"COURSE_SERVE_FLAGS must not hold {name}: {way_out}.")


def read_value(value: str | None) -> object:
    """A flag's value as Python: JSON where it is JSON, text where not, True without one."""
    if value is None:
        return True
    try:
        return json.loads(value)
    except ValueError:
        return value
