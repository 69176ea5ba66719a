"""Which place is found, and what its profile says."""

import pytest

from helpers import places
from helpers.card import Card, Nvidia
from helpers.places import GIB, Place, PlaceError, find_place, memory_share


def make_card(name: str, total: float, free: float) -> Card:
    return Card(name, (12, 0), int(total * GIB), int(free * GIB), ())


def put_in(monkeypatch: pytest.MonkeyPatch, card: Card | None) -> None:
    monkeypatch.setattr(places, "read_nvidia", lambda: Nvidia(card=card))


@pytest.fixture(autouse=True)
def no_course_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PLACE", "BASE_URL", "API_KEY", "MODEL", "SERVE_FLAGS"):
        monkeypatch.delenv(f"COURSE_{name}", raising=False)
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


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"COURSE_PLACE": "tpu"}, "can be gpu, cpu or remote"),
        ({"COURSE_PLACE": "remote"}, "must be the server's address"),
        ({"COURSE_BASE_URL": "10.0.0.5:8085"}, "must be the server's address"),
        ({"COURSE_PLACE": "cpu", "COURSE_BASE_URL": "http://0.0.0.0:9/v1"}, "on 127.0.0.1"),
        ({"COURSE_SERVE_FLAGS": "dummy"}, "where a --flag should be"),
    ],
)
def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    for name, setting in variables.items():
        monkeypatch.setenv(name, setting)
    with pytest.raises(PlaceError, match=message):
        find_place()


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
