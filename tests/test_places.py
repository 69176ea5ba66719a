"""Which place is found, what its profile says, and how its clients get past a proxy."""

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from helpers import places, proxies, versions
from helpers.card import Card, Nvidia
from helpers.memory.plan import plan_memory, read_settings
from helpers.memory.shapes import QWEN3_VL_4B
from helpers.places import GIB, MEDIA, Place, PlaceError, find_place, memory_share, renew_share
from helpers.server.server import Server


def make_card(name: str, total: float, free: float) -> Card:
    return Card(name, (12, 0), int(total * GIB), int(free * GIB), ())


def put_in(monkeypatch: pytest.MonkeyPatch, card: Card | None) -> None:
    monkeypatch.setattr(places, "read_nvidia", lambda: Nvidia(card=card))


@pytest.fixture(autouse=True)
def no_course_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting, no proxy and no remembered seat; what a test's find_place sets is undone."""
    given = [n for n in os.environ if n.startswith("COURSE_") or n.lower().endswith("_proxy")]
    for name in (*given, "COURSE_BASE_URL", "COURSE_API_KEY", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(places, "SEAT", tmp_path / "no-seat")
    put_in(monkeypatch, None)


def value(place: Place, name: str) -> str | None:
    return next(flag.value for flag in place.flags if flag.name == name)


def test_without_a_card_the_place_is_cpu() -> None:
    place = find_place()
    assert (place.name, place.port) == ("cpu", 8085)
    assert "no NVIDIA card" in str(place)
    assert place.model_path == places.POCKET


def test_a_large_card_makes_the_place_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    put_in(monkeypatch, make_card("NVIDIA GeForce RTX 5090", 31.8, 31.3))
    place = find_place()
    assert place.name == "gpu"
    assert "RTX 5090" in place.reason
    assert value(place, "--gpu-memory-utilization") == "0.90"
    assert place.served_model_name == "Qwen3-VL-4B-Instruct"


@pytest.mark.parametrize(("total", "length"), [(15.99, 8192), (23.99, 16384), (31.84, 16384)])
def test_the_gpu_profile_starts_on_every_card_that_chooses_it(
    monkeypatch: pytest.MonkeyPatch, total: float, length: int
) -> None:
    card = make_card("a card", total, total)
    put_in(monkeypatch, card)
    arguments = find_place().engine_arguments()
    assert arguments["max_model_len"] == length
    plan = plan_memory(QWEN3_VL_4B, read_settings(arguments, {}), card=card, version="0.11.0")
    assert plan.starts, plan.reason


def test_a_small_card_leaves_the_place_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    put_in(monkeypatch, make_card("RTX 3060", 12, 11))
    place = find_place()
    assert place.name == "cpu"
    assert "12 GiB" in place.reason


@pytest.mark.parametrize(
    ("total", "free", "share"), [(32, 31.5, 0.90), (32, 20, 0.59), (16, 15.6, 0.90), (32, 0.5, 0.0)]
)
def test_memory_share_leaves_what_others_use(total: float, free: float, share: float) -> None:
    assert memory_share(make_card("card", total, free)) == share


def test_the_share_is_of_what_is_free_when_a_server_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A place found while a server held the card must not start the next one on what was left."""
    put_in(monkeypatch, make_card("card", 32, 2.5))
    monkeypatch.setenv("COURSE_SERVE_FLAGS", "--gpu-memory-utilization 0.5")
    place = find_place()
    put_in(monkeypatch, make_card("card", 32, 31.5))
    shares = [one.value for one in renew_share(place).flags if one.name == places.SHARE]
    assert (value(place, places.SHARE), shares) == ("0.04", ["0.90", "0.5"])
    monkeypatch.setenv("COURSE_PLACE", "cpu")
    assert renew_share(find_place()) == find_place()


def test_a_url_makes_the_place_remote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_BASE_URL", "http://10.0.0.5:8085/v1/")
    monkeypatch.setenv("COURSE_API_KEY", "secret")
    place = find_place()
    assert (place.name, place.base_url) == ("remote", "http://10.0.0.5:8085/v1")
    assert place.api_key == "secret"
    assert not place.flags


def test_the_variable_overrides_and_the_url_is_then_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PLACE", "cpu")
    monkeypatch.setenv("COURSE_BASE_URL", "http://127.0.0.1:9001/v1")
    place = find_place()
    assert (place.name, place.port) == ("cpu", 9001)
    assert value(place, "--port") == "9001"
    assert value(place, "--host") == "127.0.0.1"


LOCAL = "must be http://127.0.0.1:PORT/v1 with a PORT from 1 to 65535"
SERVER = "must be the server's address"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"COURSE_PLACE": "tpu"}, "can be gpu, cpu or remote"),
        ({"COURSE_PLACE": "remote"}, SERVER),
        ({"COURSE_SERVE_FLAGS": "dummy"}, "where a --flag should be"),
        ({"COURSE_SERVE_FLAGS": "--a 'b"}, "No closing quotation"),
        ({"COURSE_SERVE_FLAGS": "--a b\\"}, "backslash"),
        ({"COURSE_SERVE_FLAGS": "--host 0.0.0.0"}, "this machine alone"),
        ({"COURSE_SERVE_FLAGS": "--seed 3 --hos=0.0.0.0"}, "this machine alone"),
        ({"COURSE_SERVE_FLAGS": "--uds /tmp/socket"}, "need a port"),
        ({"COURSE_SERVE_FLAGS": "--port 9000"}, "COURSE_BASE_URL"),
        ({"COURSE_SERVE_FLAGS": "--served_model_name me"}, "COURSE_MODEL"),
        ({"COURSE_SERVE_FLAGS": "--api-key secret"}, "send no key"),
        ({"COURSE_SERVE_FLAGS": "--ssl-keyfile key.pem"}, "speak http"),
        ({"COURSE_MODEL": "~nobody-of-this-name/model"}, "COURSE_MODEL is .* leads to no folder"),
    ],
)
def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    for name, setting in variables.items():
        monkeypatch.setenv(name, setting)
    with pytest.raises(PlaceError, match=message):
        find_place()


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://0.0.0.0:9/v1",
            "http://127.0.0.1.evil.com:9/v1",
            "http://[::1]:9/v1",
            "http://[::1",
        ),
        *("http://127.0.0.1/v1", "http://127.0.0.1:/v1", "http://127.0.0.1:0/v1"),
        *("http://127.0.0.1:99999/v1", "http://127.0.0.1:abc/v1", "http://127.0.0.1:-1/v1"),
        *("http://u:p@127.0.0.1:9/v1", "https://127.0.0.1:9/v1", "ftp://127.0.0.1:9/v1"),
        *("http://127.0.0.1:9", "http://127.0.0.1:9/v2", "127.0.0.1:9/v1"),
        *("http://127.0.0.1:9/v1?x=1", "http://127.0.0.1:9/v1#x"),
    ],
)
@pytest.mark.parametrize("place", ["cpu", "gpu"])
def test_an_own_server_listens_at_one_form_of_address_only(
    monkeypatch: pytest.MonkeyPatch, place: str, url: str
) -> None:
    monkeypatch.setenv("COURSE_PLACE", place)
    monkeypatch.setenv("COURSE_BASE_URL", url)
    with pytest.raises(PlaceError, match=LOCAL):
        find_place()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/v1", "http://localhost:9/v1/", "HTTP://LOCALHOST:9/v1"]
)
def test_the_forms_of_an_own_address_that_serve(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("COURSE_PLACE", "cpu")
    monkeypatch.setenv("COURSE_BASE_URL", url)
    place = find_place()
    assert (place.port, value(place, "--port")) == (9, "9")


@pytest.mark.parametrize(
    "url",
    [
        *("10.0.0.5:8085", "ftp://10.0.0.5/v1", "http://", "http:///v1", "http://[::1"),
        *("http://10.0.0.5:abc/v1", "http://10.0.0.5:99999/v1", "http://10.0.0.5:0/v1"),
        *("http://10.0.0.5:-1/v1", "http://my server/v1", "http://a..b/v1"),
        *("http://10.0.0.5/v1?x=1", "http://10.0.0.5/v1#x", "http:\\\\10.0.0.5/v1"),
    ],
)
def test_a_remote_address_that_no_client_can_ask_is_named(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("COURSE_BASE_URL", url)
    with pytest.raises(PlaceError, match=SERVER):
        find_place()


@pytest.mark.parametrize(
    "url",
    [
        *("http://10.0.0.5:8085/v1", "https://models.example.org/v1", "http://[fd00::1]:8085/v1"),
        *("http://user:word@10.0.0.5/api/v1", "http://kürs.example/v1"),
    ],
)
def test_a_remote_address_that_a_client_can_ask_is_taken(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    from openai import OpenAI

    monkeypatch.setenv("COURSE_BASE_URL", url)
    place = find_place()
    assert (place.name, place.base_url) == ("remote", url)
    OpenAI(base_url=place.base_url, api_key=place.api_key)


@pytest.mark.parametrize("key", ["schlüssel", "“secret”", "one\ntwo"])
def test_a_key_that_no_header_can_carry_is_named(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("COURSE_BASE_URL", "http://10.0.0.5:8085/v1")
    monkeypatch.setenv("COURSE_API_KEY", key)
    with pytest.raises(PlaceError, match="COURSE_API_KEY holds a letter"):
        find_place()


def test_a_folder_that_leads_nowhere_is_named_at_import() -> None:
    environment = os.environ | {"COURSE_MODELS": "~nobody-of-this-name/models"}
    call = [sys.executable, "-c", "import helpers.places"]
    done = subprocess.run(call, env=environment, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].startswith(
        "helpers.places.PlaceError: COURSE_MODELS is '~nobody-of-this-name/models'"
    )


def test_own_model_and_flags(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("COURSE_MODEL", str(tmp_path))
    monkeypatch.setenv("COURSE_SERVE_FLAGS", "--load-format dummy --seed=3 --async-scheduling")
    place = find_place()
    assert place.model_path == tmp_path
    assert place.served_model_name == tmp_path.name
    assert [flag.words for flag in place.flags[-3:]] == [
        ("--load-format", "dummy"),
        ("--seed", "3"),
        ("--async-scheduling",),
    ]


def test_engine_arguments_are_python_values() -> None:
    arguments = find_place().engine_arguments()
    assert arguments["limit_mm_per_prompt"] == {"image": 4, "video": 1}
    assert arguments["max_model_len"] == 16384
    assert arguments["enforce_eager"] is True
    assert not {"host", "port", "served_model_name"} & set(arguments)


def test_every_flag_has_a_reason() -> None:
    for flag in find_place().flags:
        assert flag.why.endswith("."), flag
        assert f"`{flag.name}`" in find_place().flag_table()


def test_one_library_holds_every_reply_to_its_form(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cpu", "gpu"):
        monkeypatch.setenv("COURSE_PLACE", name)
        arguments = find_place().engine_arguments()
        assert arguments["structured_outputs_config"] == {"backend": "xgrammar"}


def test_the_local_profiles_keep_web_pages_and_redirects_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("cpu", "gpu"):
        monkeypatch.setenv("COURSE_PLACE", name)
        place = find_place()
        assert value(place, "--allowed-origins") == "[]"
        assert place.env["VLLM_MEDIA_URL_ALLOW_REDIRECTS"] == "0"
        assert "allowed_origins" not in place.engine_arguments()


def test_the_server_asks_for_no_key_and_has_what_its_version_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "VLLM_API_KEY" not in find_place().env
    monkeypatch.setenv("VLLM_API_KEY", "for another server")
    env = find_place().env
    assert env["VLLM_API_KEY"] == ""
    assert versions.list_environment("cpu").items() <= env.items()


@pytest.mark.parametrize(
    ("flags", "limits", "alone"),
    [
        ("", {"image": 4, "video": 1}, False),
        ('--limit-mm-per-prompt \'{"image": 0, "video": 0}\'', {"image": 0, "video": 0}, True),
        ('--limit_mm_per_prompt=\'{"image": 1, "video": 0}\'', {"image": 1, "video": 0}, False),
        ("--limit-mm-per-prompt.video 0", {"image": 4, "video": 0}, False),
        (
            "--limit-mm-per-prompt.image 0 --limit_mm_per_prompt.video=0",
            {"image": 0, "video": 0},
            True,
        ),
        (
            '--limit-mm-per-prompt \'{"image": {"count": 0}, "video": 0}\'',
            {"image": {"count": 0}, "video": 0},
            True,
        ),
        ("--limit-mm-per-prompt nonsense", "nonsense", False),
        ("--limit-mm-per-prompt", True, False),
    ],
)
def test_limits_and_the_cache_of_a_server_of_text_alone(
    monkeypatch: pytest.MonkeyPatch, flags: str, limits: object, alone: bool
) -> None:
    """What has dots changes one limit (vLLM alone would forget the others)."""
    asked: list[bool] = []
    monkeypatch.setattr(
        versions, "list_environment", lambda name, text_alone: asked.append(text_alone) or {}
    )
    monkeypatch.setenv("COURSE_SERVE_FLAGS", flags)
    arguments = find_place().engine_arguments()
    assert arguments["limit_mm_per_prompt"] == limits and asked == [alone]
    assert not any("." in name for name in arguments)


def test_the_first_card_is_the_one_that_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """NVML counts cards by their slot; CUDA does so only when it is told to."""
    monkeypatch.setenv("COURSE_PLACE", "gpu")
    env = find_place().env
    assert (env["CUDA_DEVICE_ORDER"], env["CUDA_VISIBLE_DEVICES"]) == ("PCI_BUS_ID", "0")


@pytest.fixture
def seat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What the set-up remembers of a seat without an engine."""
    path = tmp_path / "course-seat.env"
    path.write_text("COURSE_BASE_URL=http://10.0.0.5:8085/v1\nCOURSE_API_KEY='a secret'\n")
    monkeypatch.setattr(places, "SEAT", path)
    return path


def test_a_remembered_seat_is_found_and_told_to_snippets(seat: Path) -> None:
    place = find_place()
    assert (place.name, place.base_url) == ("remote", "http://10.0.0.5:8085/v1")
    assert place.api_key == os.environ["COURSE_API_KEY"] == "a secret"
    assert os.environ["COURSE_BASE_URL"] == place.base_url


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"COURSE_PLACE": "cpu"}, ("cpu", "http://127.0.0.1:8085/v1", "EMPTY")),
        ({"COURSE_PLACE": "remote"}, ("remote", "http://10.0.0.5:8085/v1", "a secret")),
        ({"COURSE_BASE_URL": "http://10.0.0.6/v1"}, ("remote", "http://10.0.0.6/v1", "EMPTY")),
        ({"COURSE_API_KEY": "new"}, ("remote", "http://10.0.0.5:8085/v1", "new")),
    ],
)
def test_a_variable_wins_over_a_remembered_seat(
    monkeypatch: pytest.MonkeyPatch, seat: Path, variables: dict, found: tuple
) -> None:
    for name, setting in variables.items():
        monkeypatch.setenv(name, setting)
    place = find_place()
    assert (place.name, place.base_url, place.api_key) == found


def set_proxies(monkeypatch: pytest.MonkeyPatch, **named: str) -> None:
    for name, address in named.items():
        monkeypatch.setenv(name, address)


def test_a_local_place_extends_the_list_of_what_needs_no_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_proxies(monkeypatch, HTTP_PROXY="http://10.0.0.9:3128", NO_PROXY="localhost, .example.org")
    find_place()
    find_place()
    assert os.environ["NO_PROXY"] == "localhost,.example.org,127.0.0.1"
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"]


def test_without_proxies_or_with_none_for_all_nothing_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find_place()
    assert not {"NO_PROXY", "no_proxy"} & set(os.environ)
    set_proxies(monkeypatch, HTTP_PROXY="http://10.0.0.9:3128", no_proxy="*")
    find_place()
    assert os.environ["no_proxy"] == "*"


@pytest.mark.parametrize(
    ("named", "url", "proxy"),
    [
        ({}, "http://10.0.0.5/v1", None),
        ({"HTTP_PROXY": "10.0.0.9:3128"}, "http://10.0.0.5:8085/v1", "http://10.0.0.9:3128"),
        ({"HTTP_PROXY": "http://10.0.0.9:1"}, "https://10.0.0.5/v1", None),
        ({"all_proxy": "socks5://10.0.0.9:1"}, "https://10.0.0.5/v1", "socks5://10.0.0.9:1"),
        (
            {"https_proxy": "http://p:1", "ALL_PROXY": "http://q:1"},
            "https://x.org/v1",
            "http://p:1",
        ),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "10.0.0.5"}, "http://u:w@10.0.0.5:8/v1", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "example.org"}, "http://a.example.org/v1", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "10.0.0.6"}, "http://10.0.0.5/v1", "http://p:1"),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "*"}, "http://10.0.0.5/v1", None),
    ],
)
def test_the_proxy_of_an_address_is_found(
    monkeypatch: pytest.MonkeyPatch, named: dict, url: str, proxy: str | None
) -> None:
    set_proxies(monkeypatch, **named)
    assert proxies.find_proxy(url) == proxy == places.find_proxy(url)


@pytest.mark.parametrize("socks", ["socks5://10.0.0.9:1080", "socks://10.0.0.9:1080"])
def test_a_remote_server_behind_a_proxy_that_no_client_can_use(
    monkeypatch: pytest.MonkeyPatch, socks: str
) -> None:
    from openai import OpenAI

    set_proxies(monkeypatch, ALL_PROXY=socks, COURSE_BASE_URL="http://10.0.0.5:8085/v1")
    with pytest.raises(PlaceError, match=r"socks.*`export NO_PROXY=10\.0\.0\.5`"):
        find_place()
    set_proxies(monkeypatch, NO_PROXY="10.0.0.5")
    monkeypatch.delenv("no_proxy")
    OpenAI(base_url=find_place().base_url, api_key="EMPTY")


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """A server of three paths: a model list, a picture, and one that leads to the picture."""

    def do_GET(self) -> None:
        models = b'{"object": "list", "data": [{"id": "pocket", "object": "model"}]}'
        status, header, body = {
            "/picture.png": (
                200,
                ("Content-Type", "image/png"),
                (MEDIA / "receipt.png").read_bytes(),
            ),
            "/moved.png": (302, ("Location", "/picture.png"), b""),
        }.get(self.path, (200, ("Content-Type", "application/json"), models))
        self.send_response(status)
        self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def listening_port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield server.server_port
        server.shutdown()


DEAD = "127.0.0.1:9"
PROXIES = [
    {"HTTP_PROXY": f"http://{DEAD}", "HTTPS_PROXY": f"http://{DEAD}"},
    {"http_proxy": f"http://{DEAD}", "NO_PROXY": "example.org"},
    {"ALL_PROXY": f"socks5://{DEAD}"},
    {"HTTP_PROXY": f"socks5h://{DEAD}", "all_proxy": f"socks://{DEAD}"},
    {"HTTP_PROXY": f"http://{DEAD}", "ALL_PROXY": f"socks5://{DEAD}", "NO_PROXY": "*"},
]


@pytest.mark.parametrize("named", PROXIES)
@pytest.mark.parametrize("place", ["cpu", "remote"])
def test_a_client_reaches_a_local_server_whatever_the_proxies(
    monkeypatch: pytest.MonkeyPatch, listening_port: int, place: str, named: dict
) -> None:
    """The OpenAI client as a notebook makes it: no option for proxies, and none for this test."""
    from openai import OpenAI

    url = f"http://127.0.0.1:{listening_port}/v1"
    set_proxies(monkeypatch, COURSE_PLACE=place, COURSE_BASE_URL=url, **named)
    found = find_place()
    client = OpenAI(base_url=found.base_url, api_key=found.api_key, max_retries=0)
    assert client.models.list().data[0].id == "pocket"


def test_a_child_reaches_a_local_server_whatever_the_proxies(
    monkeypatch: pytest.MonkeyPatch, listening_port: int
) -> None:
    set_proxies(monkeypatch, **PROXIES[0], **PROXIES[2])
    find_place()
    ask = f"import httpx; print(httpx.get('http://127.0.0.1:{listening_port}/').status_code)"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True)
    assert done.stdout == "200\n", done.stderr


FOREIGN = {"Origin": "https://evil.example"}


@pytest.mark.slow
def test_no_web_page_may_use_the_server_or_read_its_answers(shared_server: Server) -> None:
    with httpx.Client(base_url=shared_server.place.base_url, trust_env=False) as client:
        asks = {"Access-Control-Request-Method": "POST"}
        asks["Access-Control-Request-Headers"] = "content-type"
        preflight = client.options("/chat/completions", headers=FOREIGN | asks)
        assert preflight.status_code == 400
        assert "access-control-allow-origin" not in preflight.headers
        answer = client.get("/models", headers=FOREIGN)
        assert "access-control-allow-origin" not in answer.headers
        assert client.get("/models").status_code == 200


@pytest.mark.slow
def test_a_url_that_leads_elsewhere_is_not_followed(
    shared_server: Server, listening_port: int
) -> None:
    def ask(path: str) -> int:
        url = f"http://127.0.0.1:{listening_port}{path}"
        content = [{"type": "image_url", "image_url": {"url": url}}]
        body = {"model": shared_server.model, "messages": [{"role": "user", "content": content}]}
        chat = f"{shared_server.place.base_url}/chat/completions"
        return httpx.post(chat, json=body, timeout=60, trust_env=False).status_code

    assert ask("/picture.png") == 200
    assert ask("/moved.png") >= 400
