"""What should be in a model folder, and whether it is: names, sizes and checksums."""

import errno
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from html import escape
from pathlib import Path, PurePosixPath
from typing import Literal

from helpers.errors import CourseError
from helpers.progress import Progress, format_bytes

MANIFEST_NAME = ".manifest.json"
# Weights as safetensors alone: other weight formats, and *.py, can run code when loaded.
WANTED = ("*.safetensors", "*.json", "*.txt", "*.jinja", "*.md", "LICENSE*")
SOURCES = ("modelscope", "huggingface", "local")
DIGEST = r"(sha256:[0-9a-f]{64}|git-blob:[0-9a-f]{40})?"
LONGEST_NAME = 255  # bytes: what file systems take
LARGEST_SIZE = 2**63
BLOCK = 8 * 1024 * 1024

State = Literal["whole", "missing", "wrong size", "damaged", "extra"]
MARKS: dict[State, str] = {
    "whole": "✅",
    "missing": "❌",
    "wrong size": "❌",
    "damaged": "❌",
    "extra": "⚠️",
}


class ManifestError(CourseError):
    """A manifest or a file of the model cannot be read."""


def is_wanted(name: object) -> bool:
    """Whether the course takes a file of this name: no code, nothing hidden, nothing outside."""
    if not isinstance(name, str) or not name.isprintable():
        return False
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") for part in path.parts)  # also `..`
    if hidden or path.is_absolute() or len(name.encode()) > LONGEST_NAME:
        return False
    return any(fnmatch(path.name, pattern) for pattern in WANTED)


@dataclass(frozen=True)
class ManifestFile:
    """One file as its source describes it.

    `digest` is `sha256:…`, or `git-blob:…` (Git's SHA-1 of a file, which Hugging Face gives
    for small files), or empty where the source gives none.
    """

    name: str
    size: int
    digest: str

    def __post_init__(self) -> None:
        """Raise ManifestError for what no source may say of a file."""
        if not is_wanted(self.name):
            raise ManifestError(f"{self.name!r:.300} is no name of a file that the course takes")
        if type(self.size) is not int or not 0 <= self.size < LARGEST_SIZE:
            raise ManifestError(f"the size of {self.name} is {self.size!r:.30}, no number of bytes")
        if not isinstance(self.digest, str) or not re.fullmatch(DIGEST, self.digest):
            raise ManifestError(
                f"the checksum of {self.name} is {self.digest!r:.80}, which is none"
            )


@dataclass(frozen=True, repr=False)
class Manifest:
    """The files of one model, as listed by `source` for `revision`."""

    model_id: str
    source: str
    revision: str
    files: tuple[ManifestFile, ...]

    @property
    def total_bytes(self) -> int:
        return sum(file.size for file in self.files)

    def only(self, names: Iterable[str]) -> "Manifest":
        """The same manifest with just these files."""
        names = set(names)
        kept = tuple(file for file in self.files if file.name in names)
        return Manifest(self.model_id, self.source, self.revision, kept)

    def save(self, folder: Path) -> None:
        """Write it into the model's folder, so that a later check needs no network."""
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{MANIFEST_NAME}.part"
        temporary.write_text(json.dumps(asdict(self), indent=1))
        temporary.replace(folder / MANIFEST_NAME)

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """Read the one saved in a model's folder.

        Raises ManifestError where there is none, or it is not one that names a model's weights.
        """
        path = Path(folder) / MANIFEST_NAME
        try:
            if path.exists() and not path.is_file():
                raise FileExistsError(errno.EEXIST, "it is no file, so move it away")
            manifest = cls._parse(path.read_text())
            if not any(file.name.endswith(".safetensors") for file in manifest.files):
                raise ManifestError("it names no *.safetensors weights")
        except FileNotFoundError:
            raise ManifestError(
                f"{folder} holds no {MANIFEST_NAME}: download_model() fetches one, and "
                "make_manifest() writes down a copy that you trust."
            ) from None
        except OSError as error:
            raise ManifestError(f"{path} cannot be read: {error.strerror}.") from error
        except (ManifestError, ValueError, TypeError, LookupError, RecursionError) as error:
            why = f" ({error})" if isinstance(error, ManifestError) else ""
            raise ManifestError(
                f"{path} is not a manifest of a model{why}: delete it and run download_model() "
                "again."
            ) from None
        return manifest

    @classmethod
    def _parse(cls, text: str) -> "Manifest":
        """Raises ManifestError, ValueError, TypeError or KeyError for what is no manifest."""
        raw = json.loads(text)
        if not isinstance(raw, dict):
            raise TypeError(type(raw))
        files = tuple(ManifestFile(**file) for file in raw.pop("files"))
        manifest = cls(**raw, files=files)
        if manifest.source not in SOURCES:
            raise ManifestError(f"{manifest.source!r:.30} is no source")
        if not isinstance(manifest.model_id, str) or not isinstance(manifest.revision, str):
            raise ManifestError("its model or its revision is no text")
        if len({file.name for file in files}) < len(files):
            raise ManifestError("it names a file twice")
        return manifest

    def __str__(self) -> str:
        rows = [(f.name, format_bytes(f.size), f.digest[:24]) for f in self.files]
        return _write_text(self._title, ("file", "size", "checksum"), rows)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [(f.name, format_bytes(f.size), f.digest[:24]) for f in self.files]
        return _write_html(self._title, ("file", "size", "checksum"), rows)

    @property
    def _title(self) -> str:
        size = format_bytes(self.total_bytes)
        return f"{self.model_id}, {self.source} {self.revision}: {len(self.files)} files, {size}"


@dataclass(frozen=True)
class FileCheck:
    """One file of a folder held against its manifest; `found` is its size, None if missing."""

    name: str
    expected: int | None
    found: int | None
    state: State


@dataclass(frozen=True, repr=False)
class Verification:
    """What a folder holds, file by file. Shows itself as a table."""

    folder: Path
    files: tuple[FileCheck, ...]

    @property
    def ok(self) -> bool:
        """True when every file of the manifest is there and is what the manifest says."""
        return not self.to_fetch

    @property
    def to_fetch(self) -> tuple[str, ...]:
        """The names that a repair has to download again."""
        return self.named("missing", "wrong size", "damaged")

    @property
    def missing(self) -> tuple[str, ...]:
        return self.named("missing")

    @property
    def wrong_size(self) -> tuple[str, ...]:
        return self.named("wrong size")

    @property
    def damaged(self) -> tuple[str, ...]:
        """Right size, wrong bytes."""
        return self.named("damaged")

    @property
    def extra(self) -> tuple[str, ...]:
        """Files that the manifest does not know; hidden files are not counted."""
        return self.named("extra")

    def named(self, *states: State) -> tuple[str, ...]:
        """The names of the files in these states."""
        return tuple(file.name for file in self.files if file.state in states)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return _write_text(self._title, ("file", "expected", "found", "state"), self._rows)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _write_html(self._title, ("file", "expected", "found", "state"), self._rows)

    @property
    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (f.name, _size(f.expected), _size(f.found), f"{MARKS[f.state]} {f.state}")
            for f in self.files
        ]

    @property
    def _title(self) -> str:
        wanted = len(self.files) - len(self.extra)
        if self.ok:
            return f"✅ {self.folder.name}: all {wanted} files are whole"
        bad = len(self.to_fetch)
        return f"❌ {self.folder.name}: {bad} of {wanted} files must be fetched again"


def make_manifest(folder: Path, *, model_id: str | None = None) -> Manifest:
    """Write down a copy that you trust: the name, size and sha256 of each of its files.

    For a model that comes from no hub, or to check a copy made over a USB stick. The result
    is returned, not saved; hidden files, and what the course never loads (code, pickles), are
    left out. Raises ManifestError for a folder without files.
    """
    folder = Path(folder)
    with _reading(folder):
        files = tuple(
            ManifestFile(name, path.stat().st_size, f"sha256:{hash_file(path)}")
            for name, path in sorted(_walk(folder))
            if is_wanted(name)
        )
    if not files:
        raise ManifestError(
            f"{folder} holds no files of a model: check the path, or download the model first."
        )
    return Manifest(model_id or folder.name, "local", "copy", files)


def verify_folder(
    folder: Path,
    manifest: Manifest | None = None,
    *,
    report: Callable[[str], None] = print,
) -> Verification:
    """Hold every file of a folder against its manifest: there, right size, right checksum.

    Without `manifest` the one saved in the folder is used, so no network is needed. Reads
    every byte; `report` gets progress lines when that takes longer than two seconds.
    Raises ManifestError when there is no manifest or a file cannot be read.
    """
    folder = Path(folder)
    manifest = manifest or Manifest.load(folder)
    progress = Progress("Checking", manifest.total_bytes, report)
    checks, before = [], 0
    for file in manifest.files:
        with _reading(folder / file.name):
            checks.append(_check_file(folder, file, progress, before))
        before += file.size
    known = {file.name for file in manifest.files}
    with _reading(folder):
        for name, path in sorted(_walk(folder)):
            if name not in known:
                checks.append(FileCheck(name, None, path.stat().st_size, "extra"))
    return Verification(folder, tuple(checks))


def hash_file(
    path: Path, *, kind: str = "sha256", advance: Callable[[int], None] = lambda done: None
) -> str:
    """The checksum of a file as hexadecimal digits: `sha256`, or Git's `git-blob`.

    `advance` is told the bytes read so far after every block of 8 MiB.
    """
    if kind == "git-blob":
        checksum = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    else:
        checksum = hashlib.new(kind)
    done = 0
    with _reading(path), path.open("rb") as stream:
        while block := stream.read(BLOCK):
            checksum.update(block)
            done += len(block)
            advance(done)
    return checksum.hexdigest()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn an OSError into a ManifestError that names what could not be read."""
    try:
        yield
    except OSError as error:
        raise ManifestError(
            f"{path} cannot be read ({error.strerror}): see to its permissions and its disk, or "
            "delete it and run download_model() again."
        ) from error


def _check_file(folder: Path, file: ManifestFile, progress: Progress, before: int) -> FileCheck:
    """Check one file, after `before` bytes of others."""
    path = folder / file.name
    if not path.is_file():
        return FileCheck(file.name, file.size, None, "missing")
    found = path.stat().st_size
    if found != file.size:
        return FileCheck(file.name, file.size, found, "wrong size")
    kind, _, expected = file.digest.partition(":")
    if expected:
        digest = hash_file(path, kind=kind, advance=lambda done: progress.update(before + done))
        if digest != expected:
            return FileCheck(file.name, file.size, found, "damaged")
    return FileCheck(file.name, file.size, found, "whole")


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file that is not hidden, nor in a hidden folder, with its name in the folder."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            yield name.as_posix(), path


def _size(count: int | None) -> str:
    return "" if count is None else format_bytes(count)


def _write_text(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    table = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)) for row in table]
    return "\n".join([title, *(f"  {line}".rstrip() for line in lines)])


def _write_html(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        inner = "".join(f'<{tag} style="text-align:left">{escape(cell)}</{tag}>' for cell in cells)
        return f"<tr>{inner}</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<p>{escape(title)}</p><table>{line(head, 'th')}{body}</table>"
