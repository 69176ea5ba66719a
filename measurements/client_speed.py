"""What a token costs the load client of notebook 10, and how many it could read a second at most.

    python -m measurements.client_speed

The server here is a process that only writes prepared chunks, one for each stream every 20 ms, as
a busy vLLM does: each arrives by itself. Compared are the notebook's client and the `openai`
client's usual way, an object for each chunk.
"""

import asyncio
import contextlib
import json
import multiprocessing
import time

from openai import AsyncOpenAI

from measurements.load_client import make_client, run
from tests.conftest import find_free_port

TOKENS = 128
AT_ONCE = 128
STEP = 0.02  # s from token to token
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
NAMES = {"id": f"chatcmpl-{0:032x}", "object": "chat.completion.chunk", "created": 1, "model": "x"}
DELTA = {"index": 0, "delta": {"content": " a"}, "logprobs": None, "finish_reason": None}
USAGE = {"prompt_tokens": 12, "completion_tokens": TOKENS, "total_tokens": 12 + TOKENS}


def write_chunk(chunk: dict) -> bytes:
    data = f"data: {json.dumps(NAMES | chunk)}\n\n".encode()
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def serve(port: int) -> None:
    token = write_chunk({"choices": [DELTA]})
    end = write_chunk({"choices": [], "usage": USAGE}) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                await reader.readexactly(int(head.split("content-length: ")[1].split("\r")[0]))
                writer.write(HEAD)
                for _ in range(TOKENS):
                    writer.write(token)
                    await asyncio.sleep(STEP)
                writer.write(end)

    async def listen() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", port) as server:
            await server.serve_forever()

    asyncio.run(listen())


def main() -> None:
    port = find_free_port()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=[port], daemon=True)
    server.start()
    time.sleep(2)
    for name in ("the notebook's", "openai, objects"):
        made = make_client(f"http://127.0.0.1:{port}/v1", "x")
        client = AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="EMPTY")

        async def read_objects(
            _: object, messages: list, *__: object, made=made, client=client
        ) -> object:
            asked = {"stream": True, "stream_options": {"include_usage": True}}
            begin, times = time.perf_counter(), []
            async for chunk in await client.chat.completions.create(
                model="x", messages=messages, **asked
            ):
                times.append(time.perf_counter() - begin)
                usage = chunk.usage
            return made.Timing(times[0], times[-1], usage.prompt_tokens, usage.completion_tokens)

        if name != "the notebook's":
            made.run_level.__globals__["measure_request"] = read_objects
        messages = [made.make_text() for _ in range(3 * AT_ONCE)]
        level = run(made, made.run_level(made.load_client, messages, AT_ONCE, TOKENS))
        assert len(level.good) == len(level.timings)
        most = level.tokens_per_second / level.client
        print(
            f"{name:15} {level.tokens_per_second:6,.0f} tokens/s at {level.client:.0%} of a core:"
        )
        print(f"                {1e6 / most:.0f} µs a token, so at most {most:,.0f} tokens/s")
    server.terminate()


if __name__ == "__main__":
    main()
