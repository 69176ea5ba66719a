"""Downloads against a small hub on 127.0.0.1: whole, broken off, damaged, refused, cancelled."""

import contextlib
import json
import os
import pickle
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from helpers.download import fetch as download
from helpers.download import hubs
from helpers.download.fetch import (
    DownloadError,
    check_disk,
    download_model,
    fetch_manifest,
    model_folder,
)
from helpers.download.manifest import Manifest, ManifestError, make_manifest, verify_folder
from helpers.errors import CourseError
from helpers.places import MODELS, ROOT
from helpers.progress import Progress
from helpers.versions import resumes_huggingface
from tests.model_hub import MODEL, ModelHub, make_certificate

# The libraries' own warnings, on import, are not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")

MIB = 1024 * 1024
WEIGHTS = "model.safetensors"
SOURCES = ["modelscope", "huggingface"]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("openssl"):
        pytest.skip("the small hub speaks TLS and needs the openssl command for its certificate")
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def hub(
    certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[ModelHub]:
    bytes_of = random.Random(1).randbytes
    downloads = request.node.get_closest_marker("slow")
    files = {
        "config.json": b'{"model_type": "tiny"}\n',
        "merges.txt": bytes_of(200_000),
        "sub/vocab.json": bytes_of(50_000),
        # Hugging Face's library writes blocks of 10 MiB
        WEIGHTS: bytes_of(24 * MIB if downloads else MIB),
        "modeling_tiny.py": b"print('code')\n",
        "pytorch_model.bin": bytes_of(1000),
    }
    with ModelHub(files, certificate) as hub:
        monkeypatch.setenv("MODELSCOPE_DOMAIN", hub.domain)
        monkeypatch.setenv("HF_ENDPOINT", f"https://{hub.domain}")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))  # read by requests
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # by httpx
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        for name in ("MODELSCOPE_CACHE", "MODELSCOPE_CREDENTIALS_PATH", "HF_HOME"):
            monkeypatch.setenv(name, str(tmp_path / "home" / name))
        yield hub


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a file system of so many bytes; needs the rights to do so."""
    mounted = []

    def mount(size: int) -> Path:
        folder = tmp_path / "disk"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("no right to mount a small file system here")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def unfinished(models: Path, source: str = "modelscope") -> int:
    """Bytes in half-downloaded files."""
    folder = hubs.HUBS[source].unfinished(model_folder(MODEL, models))
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def fetch_once(models: Path) -> hubs.Failure:
    """Why the fetching process fails, without ModelScope's five retries: half a minute."""
    script = """
        from modelscope.hub import file_download
        file_download.API_FILE_DOWNLOAD_RETRY_TIMES = 0
        from helpers.download.job import main
        main()
    """
    job = {
        "source": "modelscope",
        "model_id": MODEL,
        "revision": "master",
        "target": str(model_folder(MODEL, models)),
        "names": [WEIGHTS],
    }
    command = [sys.executable, "-c", textwrap.dedent(script), json.dumps(job)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        return hubs.Failure(**json.loads(process.stdout.read()))


def fill_folder(hub: ModelHub, models: Path) -> Path:
    """The model's folder as a finished download leaves it."""
    folder = model_folder(MODEL, models)
    manifest = fetch_manifest(MODEL)
    for file in manifest.files:
        (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
        (folder / file.name).write_bytes(hub.files[file.name])
    manifest.save(folder)
    return folder


def wait_for(happened: Callable[[], object], what: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what}"
        time.sleep(0.02)


# --- whole downloads --------------------------------------------------------------------------


def assert_whole(hub: ModelHub, folder: Path) -> None:
    check = verify_folder(folder)
    assert check.ok
    assert not check.extra, "code or a pickle came along"
    assert check.named("whole") == ("config.json", "merges.txt", WEIGHTS, "sub/vocab.json")
    assert (folder / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert "pytorch_model.bin" not in hub.names_sent()


@pytest.mark.slow
def test_downloads_from_hugging_face(hub, models):
    folder = download_model(MODEL, folder=models, source="huggingface")

    assert folder == models / "course" / "tiny"
    assert_whole(hub, folder)


@pytest.mark.slow
def test_completes_what_the_plain_call_to_modelscope_began(hub, models):
    script = (
        "from modelscope import snapshot_download; import sys; "
        "print(snapshot_download(sys.argv[1], cache_dir=sys.argv[2], revision='master', "
        "allow_patterns=['*.json', '*.txt']))"
    )
    command = [sys.executable, "-c", script, MODEL, models]
    plain = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
    hub.sent.clear()

    folder = download_model(MODEL, folder=models)

    assert folder == models / "course" / "tiny" == Path(plain)
    assert hub.names_sent() == {WEIGHTS}
    assert_whole(hub, folder)


def test_a_whole_folder_needs_no_network(hub, models, monkeypatch):
    folder = fill_folder(hub, models)
    monkeypatch.setenv("MODELSCOPE_DOMAIN", "127.0.0.1:1")

    assert download_model(MODEL, folder=models) == folder
    assert download_model(MODEL, folder=models, source="huggingface") == folder
    assert not hub.sent


@pytest.mark.slow
def test_files_that_are_there_already_are_not_fetched_again(hub, models):
    folder = model_folder(MODEL, models)
    folder.mkdir(parents=True)
    (folder / WEIGHTS).write_bytes(hub.files[WEIGHTS])

    download_model(MODEL, folder=models, source="huggingface")

    assert WEIGHTS not in hub.names_sent()


# --- mishaps on the way -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_a_broken_connection_is_resumed_from_where_it_broke(hub, models, source):
    hub.break_at[WEIGHTS] = [15 * MIB]

    folder = download_model(MODEL, folder=models, source=source)

    first, second = hub.starts(WEIGHTS)
    assert first == 0
    assert second >= 10 * MIB, "the bytes of the first part were sent again"
    assert verify_folder(folder).ok


@pytest.mark.slow
def test_wrong_bytes_are_fetched_again_and_nothing_else(hub, models):
    hub.spoil[WEIGHTS] = 1

    folder = download_model(MODEL, folder=models)

    assert len(hub.starts(WEIGHTS)) == 2
    assert len(hub.starts("config.json")) == 1
    assert verify_folder(folder).ok


@pytest.mark.slow
def test_wrong_bytes_twice_are_named(hub, models):
    hub.spoil[WEIGHTS] = 100

    with pytest.raises(DownloadError, match=r"model\.safetensors came wrong twice"):
        download_model(MODEL, folder=models, source="huggingface")

    check = verify_folder(model_folder(MODEL, models))
    assert check.to_fetch == (WEIGHTS,)


@pytest.mark.slow
def test_a_damaged_folder_is_repaired_file_by_file(hub, models):
    folder = download_model(MODEL, folder=models)
    weights = bytearray((folder / WEIGHTS).read_bytes())
    weights[MIB] ^= 1
    (folder / WEIGHTS).write_bytes(weights)
    (folder / "config.json").unlink()
    (folder / "merges.txt").write_bytes(b"short")
    hub.sent.clear()

    check = verify_folder(folder)
    assert (check.missing, check.wrong_size, check.damaged) == (
        ("config.json",),
        ("merges.txt",),
        (WEIGHTS,),
    )
    download_model(MODEL, folder=models)

    assert verify_folder(folder).ok
    assert hub.names_sent() == {"config.json", "merges.txt", WEIGHTS}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("model_id", "revision"), [("course/tony", None), (MODEL, "v9")], ids=["model", "revision"]
)
def test_an_unknown_model_or_revision_says_so(hub, models, source, model_id, revision):
    with pytest.raises(DownloadError, match=r"check the spelling of the model id"):
        download_model(model_id, folder=models, source=source, revision=revision)


@pytest.mark.slow
def test_a_file_that_the_hub_lost_says_so(hub, models):
    hub.lost.add(WEIGHTS)
    assert "or not all of its files" in fetch_once(models).sentence


@pytest.mark.slow
def test_a_connection_that_brings_nothing_more_is_given_up(hub, models):
    hub.break_at[WEIGHTS] = [11 * MIB, 11 * MIB, *[0] * 20]  # newer libraries try more often
    lines: list[str] = []

    with pytest.raises(DownloadError, match="the connection broke off"):
        download_model(MODEL, folder=models, source="huggingface", report=lines.append)

    assert hub.starts(WEIGHTS)[:3] == [0, 10 * MIB, 20 * MIB]
    if resumes_huggingface():
        assert any(line.startswith("The connection broke off: going on with") for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_an_unreachable_hub_says_so(hub, models, source, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("MODELSCOPE_DOMAIN", f"127.0.0.1:{port}")
    monkeypatch.setenv("HF_ENDPOINT", f"https://127.0.0.1:{port}")
    other = next(name for name in SOURCES if name != source)

    with pytest.raises(DownloadError, match=f'cannot be reached.*or take source="{other}"'):
        download_model(MODEL, folder=models, source=source)


def test_a_model_without_safetensors_is_refused(hub):
    del hub.files[WEIGHTS]
    with pytest.raises(DownloadError, match=r"no \*\.safetensors weights"):
        fetch_manifest(MODEL)


def test_a_name_that_leaves_the_folder_is_never_fetched(hub):
    hub.files["../outside.json"] = b"{}"
    hub.files["/etc/outside.json"] = b"{}"
    assert not [f.name for f in fetch_manifest(MODEL).files if "outside" in f.name]


def test_a_folder_without_permission_says_so(hub, tmp_path):
    folder = Path("/sys") if os.geteuid() == 0 else tmp_path / "locked"
    if os.geteuid():
        folder.mkdir(mode=0o555)
    with pytest.raises(DownloadError, match=r"cannot be written to.*COURSE_MODELS"):
        download_model(MODEL, folder=folder)


@pytest.mark.parametrize("model_id", ["tiny", "a/b/c", "/tiny", ""])
def test_a_malformed_model_id_says_so(model_id):
    with pytest.raises(DownloadError, match="it has the form owner/name"):
        download_model(model_id)


def test_an_unknown_source_says_so():
    with pytest.raises(DownloadError, match="take one of modelscope, huggingface"):
        fetch_manifest(MODEL, source="torrent")


# --- hubs that lie or fall silent ---------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("size", [None, "5", -1, 1.5, True, 2**63])
def test_an_odd_size_in_the_list_is_one_sentence(hub, source, size):
    hub.listed["config.json"] = {"size": size}
    other = next(name for name in SOURCES if name != source)
    with pytest.raises(
        DownloadError, match=f'the size of config.json is .* or take source="{other}"'
    ):
        fetch_manifest(MODEL, source=source)


@pytest.mark.parametrize("digest", [5, "00", "x" * 64, ["a"]])
def test_an_odd_checksum_in_the_list_is_one_sentence(hub, digest):
    hub.listed[WEIGHTS] = {"sha256": digest}
    with pytest.raises(DownloadError, match=r"the checksum of model\.safetensors is"):
        fetch_manifest(MODEL)


@pytest.mark.parametrize(
    "name",
    [
        ".manifest.json",
        ".git/config.json",
        "sub/.cache/a.json",
        "a\nb.json",
        f"{'x' * 300}.json",
        f"{'ü' * 130}.json",
        5,
        None,
        ["a.json"],
    ],
)
def test_hidden_and_odd_names_are_never_fetched(hub, name):
    hub.listed["merges.txt"] = {"path": name}
    names = [file.name for file in fetch_manifest(MODEL).files]
    assert names == ["config.json", WEIGHTS, "sub/vocab.json"]


@pytest.mark.slow
def test_a_list_that_drips_is_given_up(hub, models, monkeypatch):
    monkeypatch.setattr(download, "LIST_LIMIT", 3.0)
    hub.list_pause = 0.5
    with pytest.raises(DownloadError, match="cannot be reached, or the connection broke off"):
        download_model(MODEL, folder=models)


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_a_connection_that_falls_silent_is_given_up(hub, models, source, monkeypatch):
    monkeypatch.setattr(download, "SILENCE", 6.0)
    hub.stall_at[WEIGHTS] = 11 * MIB
    with pytest.raises(DownloadError, match=r"Nothing has come from .* for 6 s: check network"):
        download_model(MODEL, folder=models, source=source)
    assert not fetchers(models)
    assert WEIGHTS in verify_folder(model_folder(MODEL, models)).missing
    hub.stall_at.clear()

    assert verify_folder(download_model(MODEL, folder=models, source=source)).ok


@pytest.mark.slow
def test_a_listed_size_that_never_comes_is_given_up(hub, models, monkeypatch):
    monkeypatch.setattr(download, "SILENCE", 6.0)
    hub.listed[WEIGHTS] = {"size": len(hub.files[WEIGHTS]) + 10}
    with pytest.raises(DownloadError, match="ModelScope"):
        download_model(MODEL, folder=models)
    assert not (model_folder(MODEL, models) / WEIGHTS).exists()


def test_a_process_that_works_is_no_silence(monkeypatch):
    monkeypatch.setattr(download, "SILENCE", 0.3)
    monkeypatch.setattr(download, "WORK", 0.02)
    pulse = download._Pulse(os.getpid())
    pulse.stands_still(5)
    end = time.monotonic() + 0.6
    while time.monotonic() < end:
        assert not pulse.stands_still(5)
    end += 10
    while not pulse.stands_still(5):  # other threads of this process may work a little
        assert time.monotonic() < end
        time.sleep(0.1)
    assert not pulse.stands_still(6)


FAILURES = [
    (
        "FileIntegrityError",
        "File /m/model.safetensors integrity check failed, expected sha256 signature is ab, "
        "actual is e3b0c442, the download may be incomplete, please try again.",
        "ModelScope delivered a file with a wrong checksum or size: run the cell again, and if it "
        'stays so take source="huggingface".',
    ),
    ("FileDownloadError", "File a download incomplete, content_length: 2", "checksum or size: run"),
    ("OSError", "Consistency check failed: file should be of size 1", "checksum or size: run"),
    ("NotLoginException", "Token does not exist", "does not give .* to you: log in"),
    ("GatedRepoError", "403 Client Error.", "does not give .* to you: log in"),
    (
        "RequestError",
        "strange words",
        "failed with RequestError: strange words: run the cell again",
    ),
]


@pytest.mark.parametrize(("kind", "words", "sentence"), FAILURES)
def test_what_a_hub_library_raises_has_a_way_out(tmp_path, kind, words, sentence):
    bases = {
        "GatedRepoError": type("RepositoryNotFoundError", (Exception,), {}),
        "OSError": OSError,
    }
    error = type(kind, (bases.get(kind, Exception),), {})(words)
    failure = hubs.explain_failure(error, "modelscope", MODEL, tmp_path)
    assert re.search(sentence, failure.sentence)
    assert failure.sentence.endswith(".")


def test_too_many_requests_say_wait(tmp_path):
    error = Exception("429 Client Error")
    error.response = type("Response", (), {"status_code": 429})()
    failure = hubs.explain_failure(error, "huggingface", MODEL, tmp_path)
    assert re.search("Hugging Face .*429.* wait some minutes, then run", failure.sentence)


# --- disk -------------------------------------------------------------------------------------


def test_the_disk_check_says_what_is_missing(tmp_path):
    with pytest.raises(DownloadError, match=r"free 9\d\d.* GB more, or set COURSE_MODELS"):
        check_disk(tmp_path / "not" / "yet", 10**18)
    assert check_disk(tmp_path / "not" / "yet", 1).free > 1
    assert not (tmp_path / "not").exists()


def test_a_disk_that_is_too_small_stops_the_download_before_it_starts(hub, small_disk):
    with pytest.raises(DownloadError, match="are needed: free"):
        download_model(MODEL, folder=small_disk(MIB // 2))
    assert not hub.sent


@pytest.mark.slow
def test_a_disk_that_fills_up_on_the_way_keeps_what_came(hub, small_disk):
    models = small_disk(36 * MIB)
    hub.pace = 10 * MIB
    filler = models / "filler"

    def fill_up() -> None:
        wait_for(lambda: unfinished(models) > MIB, "the first bytes")
        with contextlib.suppress(OSError), filler.open("wb") as stream:
            stream.write(bytes(36 * MIB))

    thread = threading.Thread(target=fill_up)
    thread.start()
    with pytest.raises(DownloadError, match="is full: what came so far is kept"):
        download_model(MODEL, folder=models)
    thread.join()
    assert not (model_folder(MODEL, models) / WEIGHTS).exists(), "half a file is taken for whole"
    filler.unlink()
    hub.pace = None

    folder = download_model(MODEL, folder=models)

    assert hub.starts(WEIGHTS)[-1] >= MIB
    assert verify_folder(folder).ok


@pytest.mark.slow
def test_a_write_that_finds_no_space_says_so(hub, models):
    target = model_folder(MODEL, models)
    landing = hubs.HUBS["modelscope"].unfinished(target)
    landing.mkdir(parents=True)
    (landing / WEIGHTS).symlink_to("/dev/full")

    assert fetch_once(models) == hubs.explain_full_disk(target)


# --- cancelled --------------------------------------------------------------------------------


@contextlib.contextmanager
def slow_download(hub: ModelHub, models: Path, source: str) -> Iterator[subprocess.Popen]:
    """A download in a process of its own, caught in the middle of the weights."""
    hub.pace = 10 * MIB
    script = f"""
        from pathlib import Path
        from helpers.download.fetch import download_model
        download_model({MODEL!r}, folder=Path({str(models)!r}), source={source!r})
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            wait_for(lambda: unfinished(models, source) >= MIB, "the first bytes")
            yield process
        finally:
            process.kill()
    hub.pace = None


def fetchers(models: Path) -> list[int]:
    """The processes that fetch into this folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = process.cmdline()
            if "helpers.download.job" in command and str(models) in command[-1]:
                found.append(process.pid)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_an_interrupted_download_stops_at_once_and_goes_on_later(hub, models, source):
    with slow_download(hub, models, source) as process:
        assert fetchers(models)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=10)
    assert process.returncode
    assert "KeyboardInterrupt" in errors
    assert "Stopped with" in out
    assert not fetchers(models)
    check = verify_folder(model_folder(MODEL, models))
    assert WEIGHTS in check.missing, "half a file is taken for whole"

    folder = download_model(MODEL, folder=models, source=source)

    goes_on = source == "modelscope" or resumes_huggingface()
    assert (hub.starts(WEIGHTS)[-1] >= MIB) is goes_on
    assert verify_folder(folder).ok
    assert unfinished(models, source) < MIB


@pytest.mark.slow
def test_a_killed_kernel_takes_its_download_with_it(hub, models):
    with slow_download(hub, models, "huggingface") as process:
        assert fetchers(models)
        process.kill()
        process.communicate(timeout=10)
        wait_for(lambda: not fetchers(models), "the end of the fetching process", 5)


# --- manifests and verification ---------------------------------------------------------------


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    (folder / "config.json").write_text('{"a": 1}')
    (folder / "weights.safetensors").write_bytes(bytes(1000))
    return folder


def test_a_trusted_copy_can_be_written_down_and_checked(copy):
    manifest = make_manifest(copy)
    manifest.save(copy)

    assert Manifest.load(copy) == manifest
    assert manifest.total_bytes == 1008
    assert verify_folder(copy).ok


def test_an_empty_folder_cannot_be_written_down(tmp_path):
    with pytest.raises(ManifestError, match="holds no files"):
        make_manifest(tmp_path / "nowhere")


def test_a_verification_shows_itself_as_a_table(copy):
    manifest = make_manifest(copy)
    (copy / "config.json").write_text('{"a": 2}')
    (copy / "code.py").write_text("")

    check = verify_folder(copy, manifest)

    assert check.damaged == ("config.json",)
    assert check.extra == ("code.py",)
    assert not check
    assert str(check).splitlines()[0] == "❌ copy: 1 of 2 files must be fetched again"
    assert "<td" in check._repr_html_()
    assert "⚠️ extra" in str(check)


def test_extra_files_do_not_make_a_folder_bad(copy):
    manifest = make_manifest(copy)
    (copy / "notes.txt").write_text("mine")
    assert verify_folder(copy, manifest).ok


ENTRY = {"name": "weights.safetensors", "size": 1000, "digest": ""}


@pytest.mark.parametrize(
    "change",
    [
        {"files": []},
        {"files": None},
        {"files": [5]},
        {"files": [ENTRY | {"name": "config.json"}]},
        {"files": [ENTRY, ENTRY]},
        {"source": "evil"},
        {"source": None},
        {"source": []},
        {"model_id": 5},
        {"revision": None},
        {"more": 1},
        *({"size": size} for size in (None, "5", -1, 1.0, True, 10**400)),
        *(
            {"digest": one}
            for one in (None, 5, "abc", "crc:00", "shake_128:00", "sha256:", "md5:a")
        ),
        *({"name": name} for name in (None, 5, "../../a.safetensors", "/a.safetensors", "a.bin")),
        *({"name": name} for name in (".a.safetensors", "a\0.safetensors", f"{'x' * 300}.json")),
        {"name": "\ud800.safetensors"},
    ],
    ids=repr,
)
def test_an_odd_manifest_is_one_sentence(copy, change):
    whole = {"model_id": "a/b", "source": "local", "revision": "copy", "files": [ENTRY]}
    (copy / ".manifest.json").write_text(json.dumps(whole))
    assert verify_folder(copy).ok
    if change.keys() & ENTRY.keys():
        change = {"files": [ENTRY | {"name": "b.safetensors"}, ENTRY | change]}
    (copy / ".manifest.json").write_text(json.dumps(whole | change))
    with pytest.raises(ManifestError, match=r"is not a manifest of a model.*download_model\(\)"):
        verify_folder(copy)


def test_a_manifest_that_is_no_file_is_one_sentence(copy):
    os.mkfifo(copy / ".manifest.json")
    with pytest.raises(ManifestError, match="cannot be read: it is no file, so move it away"):
        verify_folder(copy)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
@pytest.mark.parametrize("name", ["config.json", ".manifest.json", WEIGHTS])
def test_what_stands_in_the_way_of_a_file_is_named(hub, models, make, name):
    folder = model_folder(MODEL, models)
    folder.mkdir(parents=True)
    make(folder / name)
    with pytest.raises(DownloadError, match=f"{name} stands where the download needs a file: move"):
        download_model(MODEL, folder=models)


@pytest.mark.parametrize("name", ["", "sub"])
def test_a_file_in_place_of_a_folder_is_named(hub, models, name):
    path = model_folder(MODEL, models) / name
    path.parent.mkdir(parents=True)
    path.write_text("")
    with pytest.raises(DownloadError, match="stands where the download needs a folder: move it"):
        download_model(MODEL, folder=models)


def test_only_what_the_course_takes_is_written_down(copy):
    (copy / "code.py").write_text("print()")
    (copy / "pytorch_model.bin").write_bytes(b"x")
    manifest = make_manifest(copy)
    manifest.save(copy)
    assert [file.name for file in manifest.files] == ["config.json", "weights.safetensors"]
    assert verify_folder(copy).extra == ("code.py", "pytorch_model.bin")


class Program:
    """A pickle of it makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", [".msc", ".mdl"])
def test_a_program_in_place_of_modelscopes_notes_is_deleted_unread(tmp_path, name):
    notes = pickle.dumps([{"Path": "config.json", "Revision": "c0ffee"}])
    (tmp_path / name).write_bytes(notes)
    hubs.drop_programs(tmp_path)
    assert (tmp_path / name).read_bytes() == notes, "ModelScope's own notes are gone"
    for odd in (pickle.dumps(Program(tmp_path / "ran")), notes[:-3], b"", b"\x80\x04"):
        (tmp_path / name).write_bytes(odd)
        hubs.drop_programs(tmp_path)
        assert not (tmp_path / name).exists()
    assert not (tmp_path / "ran").exists()


def test_a_whole_folder_is_rid_of_foreign_programs(hub, models):
    folder = fill_folder(hub, models)
    (folder / ".msc").write_bytes(pickle.dumps([Program(models / "ran")]))
    download_model(MODEL, folder=models)
    assert not (folder / ".msc").exists()
    assert not (models / "ran").exists()


@pytest.mark.slow
def test_a_repair_runs_no_program_of_a_foreign_folder(hub, models):
    folder = fill_folder(hub, models)
    (folder / "config.json").unlink()
    (folder / ".msc").write_bytes(pickle.dumps([Program(models / "ran")]))
    download_model(MODEL, folder=models)
    assert verify_folder(folder).ok
    assert not (models / "ran").exists()


@pytest.mark.parametrize(
    "text", [None, "", "[]", '{"files": 3}', '{"files": [{"name": "a"}]}', "[" * 10**5]
)
def test_a_missing_or_broken_manifest_says_what_to_do(copy, text):
    if text is not None:
        (copy / ".manifest.json").write_text(text)
    with pytest.raises(ManifestError, match=r"download_model\(\)"):
        verify_folder(copy)
    assert issubclass(ManifestError, CourseError)


def test_long_jobs_report_lines_and_short_ones_none(monkeypatch):
    clock = iter([0.0, 1.0, 3.0, 3.0, 3.5, 70.0, 70.0])
    monkeypatch.setattr("helpers.progress.time.monotonic", lambda: next(clock))
    lines: list[str] = []
    progress = Progress("Downloading", 1000 * 10**6, lines.append)

    progress.update(0)  # too early
    progress.update(300 * 10**6)  # three seconds in
    progress.update(310 * 10**6)  # neither a step further nor a minute later
    progress.update(311 * 10**6)  # a minute of silence

    assert lines == [
        "Downloading: 300.0 MB of 1.00 GB · 30% · 100.0 MB/s",
        "Downloading: 311.0 MB of 1.00 GB · 31% · 164.2 kB/s",
    ]


def test_the_models_folder_is_the_default():
    assert model_folder() == MODELS.absolute() / "Qwen" / "Qwen3-VL-4B-Instruct"
    assert model_folder("Qwen/Qwen2.5-VL-3B").name == "Qwen2___5-VL-3B"
