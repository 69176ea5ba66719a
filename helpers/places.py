"""Where the course runs, and what differs between the places. Nothing else knows.

A place is one of three:

gpu     Qwen3-VL-4B-Instruct on vLLM on this machine's NVIDIA card
cpu     the pocket model on vLLM on this machine's processor
remote  a server that somebody else runs, at COURSE_BASE_URL

`find_place` chooses by itself; COURSE_PLACE overrides it.
"""

import json
import math
import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from helpers import versions
from helpers.card import Card, read_nvidia
from helpers.errors import CourseError

ROOT = Path(__file__).resolve().parent.parent
MEDIA = ROOT / "media"
MODELS = Path(os.environ.get("COURSE_MODELS") or ROOT / "models").expanduser().resolve()
MODEL_ID = "Qwen/Qwen3-VL-4B-Instruct"
POCKET = ROOT / "pocket_model" / "trained"
PORT = 8085

GIB = 2**30
SERVER_ONLY = {"--served-model-name", "--host", "--port", "--trust-request-mm-kwargs"}
MIN_CARD = 15.0  # GiB: a card sold as "16 GB" shows a little less


class PlaceError(CourseError):
    """A COURSE_… variable asks for something that is not there."""


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


def find_place() -> Place:
    """Choose the place: COURSE_PLACE, else a URL, else a large enough card, else the CPU.

    Raises `PlaceError` when a COURSE_… variable cannot be followed.
    """
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


def _remote(url: str) -> Place:
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise PlaceError(
            "The place is remote, so COURSE_BASE_URL must be the server's address, "
            f"such as http://192.168.1.20:8085/v1; it is {url!r}."
        )
    return Place(
        name="remote",
        reason=f"COURSE_BASE_URL={url}",
        base_url=url.rstrip("/"),
        api_key=os.environ.get("COURSE_API_KEY") or "EMPTY",
        note="The replies come from the model that this server serves.",
    )


def _local(name: str, reason: str, url: str, card: Card | None) -> Place:
    if urlsplit(url).hostname not in ("127.0.0.1", "localhost"):
        raise PlaceError(
            f"COURSE_PLACE={name} starts a server on this machine only, "
            f"so COURSE_BASE_URL must be on 127.0.0.1; it is {url!r}."
        )
    own = os.environ.get("COURSE_MODEL")
    profile = _gpu_profile(card) if name == "gpu" else _cpu_profile()
    if own:
        profile["model_path"] = Path(own).expanduser().resolve()
        profile["served_model_name"] = profile["model_path"].name
        profile["note"] = f"The replies come from {profile['model_path'].name} (COURSE_MODEL)."
    port = urlsplit(url).port or PORT
    flags = (
        Flag("--served-model-name", profile["served_model_name"], "The name clients ask for."),
        Flag("--host", "127.0.0.1", "This machine only; vLLM's default listens on every network."),
        Flag("--port", str(port), "Where it listens; vLLM's default is 8000."),
        *profile.pop("flags"),
        Flag(
            "--limit-mm-per-prompt",
            '{"image": 4, "video": 1}',
            "At most so many pictures and clips in one request; vLLM sets memory aside for them.",
        ),
        Flag(
            "--allowed-local-media-path",
            str(MEDIA),
            "The one folder whose files a request may name by file:// URL.",
        ),
        *(Flag(*words) for words in versions.list_serve_flags()),
        *_extra_flags(),
    )
    profile["env"] |= versions.list_environment()
    return Place(
        name=name, reason=reason, base_url=url.rstrip("/"), api_key="EMPTY", flags=flags, **profile
    )


def _gpu_profile(card: Card | None) -> dict:
    """The 4B model in bf16 on one card of 16 GB or more; made for the RTX 5090's 32 GB."""
    return {
        "model_path": MODELS / MODEL_ID,
        "served_model_name": "Qwen3-VL-4B-Instruct",
        "note": "The replies come from Qwen3-VL-4B-Instruct.",
        "env": {"CUDA_VISIBLE_DEVICES": "0"},
        "flags": (
            Flag("--max-model-len", "16384", "Longest request, prompt and reply, in tokens."),
            Flag(
                "--gpu-memory-utilization",
                f"{memory_share(card):.2f}",
                "Share of the card's total memory for weights, working memory and KV cache.",
            ),
        ),
    }


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
    words = shlex.split(os.environ.get("COURSE_SERVE_FLAGS", ""))
    flags: list[Flag] = []
    for word in words:
        if word.startswith("--"):
            name, _, value = word.partition("=")
            flags.append(Flag(name, value or None, "From COURSE_SERVE_FLAGS."))
        elif flags and flags[-1].value is None:
            flags[-1] = Flag(flags[-1].name, word, flags[-1].why)
        else:
            raise PlaceError(f"COURSE_SERVE_FLAGS has {word!r} where a --flag should be.")
    return tuple(flags)


def read_value(value: str | None) -> object:
    """A flag's value as Python: JSON where it is JSON, text where not, True without one."""
    if value is None:
        return True
    try:
        return json.loads(value)
    except ValueError:
        return value
