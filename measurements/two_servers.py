"""Two servers behind nginx, with the configuration that notebook 11 shows: what it changes.

    python -m measurements.two_servers

It starts two servers of the course's place, on its port and the next but one, and nginx (Debian's
nginx-light, to be installed before) on the one between. Needs the memory of two servers.
"""

import argparse
import asyncio
import json
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
from PIL import Image

from helpers.media import image_data_url
from helpers.places import Place, find_place
from helpers.server import Server, stop_record
from measurements.load_client import NOTEBOOKS, make_client, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    first = find_place()
    second = move_place(first, 2)
    front = f"http://127.0.0.1:{first.port + 1}/v1"
    with Server(first) as one, Server(second) as two:
        model = one.model
        with run_nginx(first.port) as folder:
            for number in range(options.rounds):
                for name, url in {"one server": first.base_url, "nginx, two": front}.items():
                    level = measure(make_client(url, model), options.at_once)
                    print(f"round {number + 1}  {name}: {describe(level)}", flush=True)
            print("requests to each:", count_requests(folder))
            lose_one(make_client(front, model), two, options.at_once)
        with run_nginx(first.port, without=r"client_max_body_size 64m;"):
            print("a picture of 3 MB without a body size:", send_large_picture(front, model))
        with run_nginx(first.port):
            print("a picture of 3 MB with it:", send_large_picture(front, model))


def move_place(place: Place, by: int) -> Place:
    """The same place with its server `by` ports further."""
    flags = tuple(
        replace(flag, value=str(place.port + by)) if flag.name == "--port" else flag
        for flag in place.flags
    )
    url = place.base_url.replace(str(place.port), str(place.port + by))
    return replace(place, base_url=url, flags=flags)


@contextmanager
def run_nginx(port: int, without: str = "") -> Iterator[Path]:
    """The notebook's configuration on port + 1, in front of port and port + 2."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise SystemExit("nginx is not installed: apt-get install nginx-light")
    cells = json.loads(NOTEBOOKS[1].read_text())["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    shown = re.search(r"```nginx\n(.*?)```", text, re.DOTALL)[1]
    shown = re.sub(without, "", shown) if without else shown
    ports = iter((port, port + 2, port + 1))
    shown = re.sub(r"127\.0\.0\.1:\d+", lambda _: f"127.0.0.1:{next(ports)}", shown)
    with tempfile.TemporaryDirectory() as folder:
        log = "log_format servers '$upstream_addr $status'; access_log access.log servers;"
        config = f"pid nginx.pid; error_log error.log; events {{}} http {{ {log} {shown} }}"
        (Path(folder) / "nginx.conf").write_text(config)
        process = subprocess.Popen(
            [program, "-p", folder, "-c", "nginx.conf", "-g", "daemon off;"],
            stderr=subprocess.DEVNULL,
        )
        time.sleep(1)
        try:
            yield Path(folder)
        finally:
            process.terminate()
            process.wait()


def measure(made: SimpleNamespace, at_once: int) -> SimpleNamespace:
    texts = [made.make_text() for _ in range(max(8, 4 * at_once))]
    return run(made, made.run_level(made.load_client, texts, at_once, 32))


def describe(level: SimpleNamespace) -> str:
    failed = len(level.timings) - len(level.good)
    ttft, tpot = (level.quantile(figure, 0.5) * 1000 for figure in ("ttft", "tpot"))
    return (
        f"{level.at_once} at once {level.tokens_per_second:.0f} tokens/s, median TTFT {ttft:.0f} "
        f"ms, TPOT {tpot:.1f} ms, {failed} errors"
    )


def count_requests(folder: Path) -> dict[str, int]:
    return dict(Counter((folder / "access.log").read_text().splitlines()))


def lose_one(made: SimpleNamespace, server: Server, at_once: int) -> None:
    """Stop one server in the middle of a load, and go on with the other."""

    async def both() -> list:
        async def lose() -> None:
            await asyncio.sleep(0.5)
            threading.Thread(target=stop_record, args=[server.record]).start()

        texts = [made.make_text() for _ in range(4 * at_once)]
        losing = asyncio.create_task(lose())
        level = await made.run_level(made.load_client, texts, at_once, 64)
        await losing
        return [level, await made.run_level(made.load_client, texts, at_once, 32)]

    for name, level in zip(("one is stopped", "afterwards"), run(made, both()), strict=True):
        print(f"{name}: {describe(level)}")
        errors = Counter(timing.error for timing in level.timings if timing.error)
        print(*(f"   {count} × {error}" for error, count in errors.items()), sep="\n")


def send_large_picture(url: str, model: str) -> str:
    noise = np.random.default_rng(0).integers(0, 255, (1000, 1000, 3), dtype=np.uint8)
    picture = image_data_url(Image.fromarray(noise))
    content = [{"type": "image_url", "image_url": {"url": picture}}]
    body = {"model": model, "messages": [{"role": "user", "content": content}], "max_tokens": 1}
    return f"status {httpx.post(f'{url}/chat/completions', json=body, timeout=60).status_code}"


if __name__ == "__main__":
    main()
