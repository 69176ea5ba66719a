"""The two hubs that hold the model: how each lists its files and fetches some of them."""

import contextlib
import errno
import os
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from ssl import SSLError

from helpers.download.manifest import ManifestFile, is_wanted
from helpers.versions import resumes_huggingface

# Names of exception classes: they come from five libraries, none of which is imported here.
UNKNOWN = ("NotExistError", "RepositoryNotFoundError", "RevisionNotFoundError")
SPOILT = ("FileIntegrityError", "FileDownloadError")  # a checksum, a size
REFUSED = ("GatedRepoError", "NotLoginException")
BROKEN = (
    "ChunkedEncodingError",
    "ConnectionError",
    "LocalEntryNotFoundError",
    "MaxRetryError",
    "Timeout",
    "TimeoutError",
    "TransportError",  # httpx, which newer Hugging Face libraries use
)


def list_modelscope(model_id: str, revision: str) -> list[ManifestFile]:
    """ModelScope's list: it gives a sha256 for every file."""
    from modelscope.hub.api import HubApi

    api = HubApi()
    with api.session:
        endpoint = api.get_endpoint_for_read(model_id, repo_type="model")
        revision = api.get_valid_revision(model_id, revision=revision, endpoint=endpoint)
        files = api.get_model_files(model_id, revision, recursive=True, endpoint=endpoint)
    return [
        ManifestFile(f["Path"], f.get("Size"), f"sha256:{f['Sha256']}" if f.get("Sha256") else "")
        for f in files
        if f["Type"] != "tree" and is_wanted(f["Path"])
    ]


def fetch_modelscope(model_id: str, revision: str, target: Path, names: list[str]) -> None:
    """Fetch with the call that notebook 01 shows. ModelScope checks each sha256 by itself."""
    from modelscope import snapshot_download
    from modelscope.hub.errors import FileIntegrityError

    # A file whose bytes came wrong is thrown away; the check that follows finds it missing.
    with contextlib.suppress(FileIntegrityError):
        snapshot_download(
            model_id,
            cache_dir=str(target.parent.parent),
            revision=revision,
            allow_patterns=[escape(name) for name in names],
        )


class _PlainData(pickle.Unpickler):
    """Reads lists, dicts, text and numbers, and refuses a pickle that calls anything."""

    def find_class(self, module: str, name: str) -> None:
        raise pickle.UnpicklingError(f"{module}.{name}")


def drop_programs(folder: Path) -> None:
    """Delete ModelScope's notes on a folder where they are more than data.

    ModelScope unpickles them at each call, and a folder from elsewhere may have brought a
    program in their place. Without them it only fetches what it is asked for.
    """
    for path in (folder / ".msc", folder / ".mdl"):
        if not path.is_file():
            continue
        try:
            with path.open("rb") as stream:
                _PlainData(stream).load()
        except Exception:  # damaged pickles make the reader raise errors of any kind
            path.unlink()


def _find_modelscope_unfinished(target: Path) -> Path:
    owner, name = target.parts[-2:]
    return target.parent.parent / "._____temp" / owner / name.replace("___", ".")


def list_huggingface(model_id: str, revision: str) -> list[ManifestFile]:
    """Hugging Face's list: a sha256 for large files, Git's SHA-1 for small ones."""
    from huggingface_hub import HfApi

    endpoint = os.environ.get("HF_ENDPOINT")
    info = HfApi(endpoint=endpoint).model_info(model_id, revision=revision, files_metadata=True)
    return [
        ManifestFile(
            f.rfilename,
            f.size,
            f"sha256:{f.lfs.sha256}" if f.lfs else f"git-blob:{f.blob_id}",
        )
        for f in info.siblings or []
        if is_wanted(f.rfilename)
    ]


def fetch_huggingface(model_id: str, revision: str, target: Path, names: list[str]) -> None:
    """Fetch into the same folder. Hugging Face's library compares sizes only."""
    from huggingface_hub import snapshot_download

    if not resumes_huggingface():
        for half in HUBS["huggingface"].unfinished(target).rglob("*.incomplete"):
            half.unlink()
    snapshot_download(
        model_id,
        revision=revision,
        local_dir=target,
        allow_patterns=[escape(name) for name in names],
    )


@dataclass(frozen=True)
class Hub:
    """What the course needs to know of a hub.

    `unfinished` gives the folder in which the hub's library keeps half-downloaded files of the
    model folder it is given.
    """

    title: str
    revision: str
    list_files: Callable[[str, str], list[ManifestFile]]
    fetch: Callable[[str, str, Path, list[str]], None]
    unfinished: Callable[[Path], Path]


HUBS = {
    "modelscope": Hub(
        "ModelScope",
        "master",
        list_modelscope,
        fetch_modelscope,
        _find_modelscope_unfinished,
    ),
    "huggingface": Hub(
        "Hugging Face",
        "main",
        list_huggingface,
        fetch_huggingface,
        lambda target: target / ".cache" / "huggingface" / "download",
    ),
}


@dataclass(frozen=True)
class Failure:
    """Why a hub could not be used, as one sentence with the way out.

    `broken` is True where the connection is to blame, so that trying again makes sense.
    """

    sentence: str
    broken: bool = False


def explain_failure(error: BaseException, source: str, model_id: str, target: Path) -> Failure:
    """Turn what a library raised into one sentence."""
    title = HUBS[source].title
    causes = list(_walk_causes(error))
    numbers = {c.errno for c in causes if isinstance(c, OSError) and not isinstance(c, SSLError)}
    if numbers & {errno.ENOSPC, errno.EDQUOT}:
        return explain_full_disk(target)
    if numbers & {errno.EACCES, errno.EPERM, errno.EROFS}:
        return Failure(
            f"{target} cannot be written to: see to its permissions, or set COURSE_MODELS to a "
            "folder of your own."
        )
    if any("SOCKS" in str(cause) for cause in causes):
        return Failure(
            "A proxy of kind SOCKS is set, which Python cannot use here: unset ALL_PROXY, or name "
            "an HTTP proxy in HTTPS_PROXY, and start JupyterLab again."
        )
    kinds = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    refusal = _explain_refusal(kinds, _find_statuses(causes), title, model_id)
    if refusal:
        return Failure(refusal)
    if kinds.intersection(BROKEN) or any(status >= 500 for status in _find_statuses(causes)):
        return _explain_broken(source)
    return Failure(f"{_say_what_failed(error, title, kinds)}: {_say_again(source)}")


def _find_statuses(causes: list[BaseException]) -> set[int]:
    """The HTTP statuses: ModelScope hands the response to HTTPError, others set `response`."""
    responses = [r for c in causes for r in (*c.args, getattr(c, "response", None))]
    return {r.status_code for r in responses if hasattr(r, "status_code")}


def _explain_refusal(kinds: set[str], statuses: set[int], title: str, model_id: str) -> str:
    """What a hub that answers does not give, or nothing."""
    unknown = bool(kinds.intersection(UNKNOWN))
    if kinds.intersection(REFUSED) or (statuses & {401, 403} and not unknown):
        return (
            f"{title} does not give {model_id} to you: log in with its command line tool, or "
            "accept the licence on the model's page."
        )
    if unknown or 404 in statuses:
        return (
            f"{title} does not have {model_id} at this revision, or not all of its files: check "
            "the spelling of the model id (capitals count) and of the revision."
        )
    if 429 in statuses:
        return (
            f"{title} has had too many requests from this network (429): wait some minutes, then "
            "run the cell again."
        )
    return ""


def _say_what_failed(error: BaseException, title: str, kinds: set[str]) -> str:
    first_line = f"{type(error).__name__}: {error}".splitlines()[0]
    if kinds.intersection(SPOILT) or "Consistency check failed" in first_line:
        return f"{title} delivered a file with a wrong checksum or size"
    return f"{title} failed with {first_line[:300].rstrip('.')}"


def _say_again(source: str) -> str:
    return f'run the cell again, and if it stays so take source="{name_other(source)}".'


def explain_full_disk(target: Path) -> Failure:
    """The sentence for a disk that became full during a download."""
    return Failure(
        f"The disk of {target} is full: what came so far is kept, so free some space and run the "
        "cell again, or set COURSE_MODELS to a folder on a larger disk."
    )


def explain_silence(source: str, seconds: float) -> Failure:
    """The sentence for a connection that stays open and brings nothing."""
    return Failure(
        f"Nothing has come from {HUBS[source].title} for {seconds:.0f} s: check network and proxy "
        "and run the cell again, which goes on where it stopped, or take "
        f'source="{name_other(source)}".',
        broken=True,
    )


def name_other(source: str) -> str:
    """The hub to take when this one fails."""
    return next(name for name in HUBS if name != source)


def _explain_broken(source: str) -> Failure:
    return Failure(
        f"{HUBS[source].title} cannot be reached, or the connection broke off: check network and "
        "proxy and run the cell again, which goes on where it stopped, or take "
        f'source="{name_other(source)}".',
        broken=True,
    )


def _walk_causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that it came from, in whichever way it carries them."""
    pending, seen = [error], set()
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        links = [current.__cause__, current.__context__, getattr(current, "reason", None)]
        pending += [c for c in [*links, *current.args] if isinstance(c, BaseException)]
