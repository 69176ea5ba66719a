"""Download the model: disk checked first, resumed where it broke off, every file verified."""

import contextlib
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import psutil

from helpers.download.hubs import (
    HUBS,
    Failure,
    drop_programs,
    explain_failure,
    explain_full_disk,
    explain_silence,
    name_other,
)
from helpers.download.manifest import (
    MANIFEST_NAME,
    Manifest,
    ManifestError,
    ManifestFile,
    Verification,
    make_manifest,
    verify_folder,
)
from helpers.errors import CourseError
from helpers.places import MODEL_ID, MODELS, ROOT
from helpers.progress import Progress, format_bytes

__all__ = [
    "MODEL_ID",
    "DownloadError",
    "Manifest",
    "Verification",
    "check_disk",
    "download_model",
    "fetch_manifest",
    "make_manifest",
    "model_folder",
    "verify_folder",
]

HEADROOM = 1.05  # of the bytes to come: file systems need some for themselves
ATTEMPTS = 2  # for files that arrive with wrong bytes
FULL = 1024 * 1024  # bytes free: less than one block of either library
LIST_LIMIT = 60.0  # seconds for the list of files, with the start of the hub's library
SILENCE = 60.0  # seconds in which nothing comes and nothing is worked on
WORK = 1.0  # seconds of processor time: a process that hashes needs more, one that waits less


class DownloadError(CourseError):
    """The model cannot be downloaded."""


@dataclass(frozen=True)
class DiskSpace:
    """Free and needed bytes on the disk of a folder."""

    folder: Path
    free: int
    needed: int

    def __str__(self) -> str:
        return (
            f"✅ {format_bytes(self.needed)} needed, {format_bytes(self.free)} free on the disk "
            f"of {self.folder}"
        )

    __repr__ = __str__


def check_disk(folder: Path, needed_bytes: int) -> DiskSpace:
    """Make sure that the disk of a folder, which need not exist yet, has room.

    Raises DownloadError, with what is missing, when it has not.
    """
    folder = Path(folder).absolute()
    existing = next(f for f in (folder, *folder.parents) if f.exists())
    free = shutil.disk_usage(existing).free
    if free < needed_bytes:
        raise DownloadError(
            f"The disk of {folder} has {format_bytes(free)} free and {format_bytes(needed_bytes)} "
            f"are needed: free {format_bytes(needed_bytes - free)} more, or set COURSE_MODELS to "
            "a folder on a larger disk."
        )
    return DiskSpace(folder, free, needed_bytes)


def model_folder(model_id: str = MODEL_ID, folder: Path = MODELS) -> Path:
    """Where a model lives: MODELS/owner/name.

    As `snapshot_download(..., cache_dir=folder)` has it, which writes `___` for a dot.
    """
    owner, _, name = model_id.partition("/")
    if not owner or not name or "/" in name:
        raise DownloadError(f"{model_id!r} is no model id: it has the form owner/name.")
    return Path(folder).absolute() / owner / name.replace(".", "___")


def fetch_manifest(
    model_id: str = MODEL_ID, *, source: str = "modelscope", revision: str | None = None
) -> Manifest:
    """Ask a hub for the names, sizes and checksums of a model's files.

    Only the files that the course wants: safetensors, JSON and text, no code. Raises
    DownloadError when the hub cannot be reached or does not have the model.
    """
    if source not in HUBS:
        raise DownloadError(f"{source!r} is no source: take one of {', '.join(HUBS)}.")
    revision = revision or HUBS[source].revision
    try:
        listed = _list_files(model_id, source, revision)
    except ManifestError as error:
        raise DownloadError(
            f"{HUBS[source].title} lists the files of {model_id} wrongly ({error}): run the cell "
            f'again, or take source="{name_other(source)}".'
        ) from error
    except Exception as error:
        failure = explain_failure(error, source, model_id, model_folder(model_id))
        raise DownloadError(failure.sentence) from error
    files = tuple(sorted(listed, key=lambda file: file.name))
    if not any(file.name.endswith(".safetensors") for file in files):
        raise DownloadError(
            f"{model_id} has no *.safetensors weights, and the course loads no others: check the "
            "model id and the revision."
        )
    return Manifest(model_id, source, revision, files)


def download_model(
    model_id: str = MODEL_ID,
    *,
    folder: Path = MODELS,
    source: str = "modelscope",
    revision: str | None = None,
    report: Callable[[str], None] = print,
) -> Path:
    """Bring a model folder to the state that a hub describes, and return the folder.

    Fetches what is missing or damaged and nothing else, so it also repairs, and goes on after
    an interruption. A folder that its saved manifest finds whole is left as it is, without
    network, whichever source it came from. `source` is "modelscope" or "huggingface",
    `revision` a branch or tag; `report` gets the progress lines.

    Raises DownloadError: disk too small or full, hub unreachable, model unknown, no permission,
    or wrong bytes twice.
    """
    target = model_folder(model_id, folder)
    try:
        _complete(target, model_id, source, revision, report)
    except OSError as error:
        failure = explain_failure(error, source, model_id, target)
        raise DownloadError(failure.sentence) from error
    return target


def _complete(
    target: Path,
    model_id: str,
    source: str,
    revision: str | None,
    report: Callable[[str], None],
) -> None:
    """Check a folder, fetch what a hub has better, and check that again."""
    drop_programs(target)
    saved = _load_saved(target, model_id, revision)
    check = verify_folder(target, saved, report=report) if saved else None
    if check:
        return
    manifest = fetch_manifest(model_id, source=source, revision=revision)
    _check_way(target, (*(file.name for file in manifest.files), MANIFEST_NAME))
    if saved is None or saved.files != manifest.files:
        check = verify_folder(target, manifest, report=report)
    manifest.save(target)
    for _ in range(ATTEMPTS):
        if check:
            return
        _fetch(manifest, check, report)
        check = verify_folder(target, manifest.only(check.to_fetch), report=report)
    if not check:
        raise DownloadError(
            f"{', '.join(check.to_fetch)} came wrong twice from {HUBS[source].title}: something on "
            "the way changes the bytes, so try another network or the other source."
        )


def _list_files(model_id: str, source: str, revision: str) -> list[ManifestFile]:
    """Ask a hub for its list; TimeoutError after LIST_LIMIT seconds, also where it drips."""
    answer: Future[list[ManifestFile]] = Future()

    def ask() -> None:
        try:
            answer.set_result(HUBS[source].list_files(model_id, revision))
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    return answer.result(timeout=LIST_LIMIT)


def _check_way(target: Path, names: Iterable[str]) -> None:
    """Refuse a folder or a pipe where a file belongs, and a file where a folder does."""
    for path in (target / name for name in names):
        folders = [part for part in path.parents if part.exists() and not part.is_dir()]
        files = [path] if path.exists() and not path.is_file() else []
        for obstacle in (*folders, *files):
            kind = "file" if files else "folder"
            raise DownloadError(
                f"{obstacle} stands where the download needs a {kind}: move it away and run the "
                "cell again."
            )


def _load_saved(target: Path, model_id: str, revision: str | None) -> Manifest | None:
    try:
        saved = Manifest.load(target)
    except ManifestError:
        return None
    matches = saved.model_id == model_id and revision in (None, saved.revision)
    return saved if matches else None


def _fetch(manifest: Manifest, check: Verification, report: Callable[[str], None]) -> None:
    """Fetch the files that a check found wanting, in a process of its own."""
    target = check.folder
    for name in (*check.damaged, *check.wrong_size):
        (target / name).unlink()
    landed = _count_landed(manifest, target)
    check_disk(target, round(HEADROOM * (manifest.total_bytes - landed)))
    job = {
        "source": manifest.source,
        "model_id": manifest.model_id,
        "revision": manifest.revision,
        "target": str(target),
        "names": check.to_fetch,
    }
    while failure := _run_job(job, manifest, report):
        before, landed = landed, _count_landed(manifest, target)
        if not failure.broken or landed <= before:
            raise DownloadError(failure.sentence)
        report(f"The connection broke off: going on with {format_bytes(landed)} here.")


def _run_job(
    job: dict[str, object], manifest: Manifest, report: Callable[[str], None]
) -> Failure | None:
    """Run `helpers.download.job` and watch the folder grow; returns why it failed, if so."""
    target = Path(str(job["target"]))
    progress = Progress("Downloading", manifest.total_bytes, report)
    with subprocess.Popen(
        [sys.executable, "-m", "helpers.download.job", json.dumps(job)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            pulse = _Pulse(process.pid)
            while _is_running(process):
                landed = _count_landed(manifest, target)
                progress.update(landed)
                if shutil.disk_usage(target).free < FULL:
                    return explain_full_disk(target)
                if pulse.stands_still(landed):
                    return explain_silence(manifest.source, SILENCE)
            said = process.stdout.read()
        except KeyboardInterrupt:
            landed = format_bytes(_count_landed(manifest, target))
            whole = format_bytes(manifest.total_bytes)
            report(f"Stopped with {landed} of {whole} here: the next call goes on from there.")
            raise
        finally:
            process.kill()
    if said:
        return Failure(**json.loads(said))
    if process.returncode:
        return Failure(f"The download ended with code {process.returncode}: run the cell again.")
    return None


class _Pulse:
    """Whether a fetching process still brings bytes, or works on what came: it hashes files."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.landed, self.worked, self.since = -1, 0.0, time.monotonic()

    def stands_still(self, landed: int) -> bool:
        """True when for SILENCE seconds `landed` was the same and the processor idle."""
        worked = self.worked
        with contextlib.suppress(psutil.Error):
            worked = sum(psutil.Process(self.pid).cpu_times()[:2])
        if landed != self.landed or worked > self.worked + WORK:
            self.landed, self.worked, self.since = landed, worked, time.monotonic()
        return time.monotonic() - self.since > SILENCE


def _is_running(process: subprocess.Popen) -> bool:
    """Wait up to half a second for a process to end."""
    try:
        process.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        return True
    return False


def _count_landed(manifest: Manifest, target: Path) -> int:
    """Bytes of the model that are on the disk, in finished and in half-downloaded files."""
    landed = 0
    unfinished = HUBS[manifest.source].unfinished(target)
    finished = {target / file.name for file in manifest.files}
    for path in (*finished, *unfinished.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # it has just been moved into place
            landed += path.stat().st_size if path.is_file() else 0
    return min(landed, manifest.total_bytes)
