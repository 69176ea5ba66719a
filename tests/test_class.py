"""Thirty learners at once on one server: every question gets its reply, and the server lives.

Their talks begin alike, as a class's do, so that prefix caching shares blocks of 128 tokens between
them. On vLLM 0.11.0's CPU build that ended the engine within seconds (see
`helpers.versions.list_environment`).

    python -m tests.test_class --seconds 180    the same for longer, on a server of this place
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import pytest
from openai import APIError, OpenAI

from helpers.places import find_place
from helpers.server.server import Server

CLIENTS = 30
QUESTIONS = (
    "My bicycle is orange.",
    "Name a fruit.",
    "Name a country.",
    "What colour is my bicycle?",
)


@dataclass
class Outcome:
    """What became of the questions of a class, or of one of its talks."""

    replies: int = 0
    errors: Counter = field(default_factory=Counter)

    def add(self, other: "Outcome") -> None:
        self.replies += other.replies
        self.errors += other.errors

    def __str__(self) -> str:
        lost = "".join(f"\n{count:6} × {error}" for error, count in self.errors.items())
        return f"{self.replies} replies, {self.errors.total()} errors{lost}"


def ask_all(server: Server, goes_on: Callable[[int], bool], clients: int = CLIENTS) -> Outcome:
    """Let the clients talk, one talk after the other while `goes_on(talks so far)` is true."""

    def attend(_: int) -> Outcome:
        whole, talks = Outcome(), 0
        while goes_on(talks):
            whole.add(talk(client, server.model))
            talks += 1
        return whole

    outcome, url = Outcome(), server.place.base_url
    with (
        OpenAI(base_url=url, api_key="EMPTY", max_retries=0, timeout=120) as client,
        ThreadPoolExecutor(clients) as pool,
    ):
        for part in pool.map(attend, range(clients)):
            outcome.add(part)
    return outcome


def talk(client: OpenAI, model: str) -> Outcome:
    """One talk of several turns; an error ends it."""
    outcome = Outcome()
    messages = [{"role": "system", "content": "Answer in one short sentence."}]
    for question in QUESTIONS:
        messages.append({"role": "user", "content": question})
        try:
            reply = client.chat.completions.create(model=model, messages=messages, max_tokens=60)
        except APIError as error:
            outcome.errors[f"{type(error).__name__}: {error}"[:200]] += 1
            time.sleep(0.5)
            break
        messages.append({"role": "assistant", "content": reply.choices[0].message.content})
        outcome.replies += 1
    return outcome


@pytest.mark.slow
def test_a_class_loses_no_reply(shared_server: Server) -> None:
    outcome = ask_all(shared_server, lambda talks: talks < 3)
    assert (outcome.replies, outcome.errors) == (CLIENTS * 3 * len(QUESTIONS), {}), str(outcome)
    health = shared_server.place.base_url.removesuffix("/v1") + "/health"
    assert httpx.get(health, trust_env=False).status_code == 200
    assert ask_all(shared_server, lambda talks: talks < 1, clients=1).replies == len(QUESTIONS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=180)
    seconds = parser.parse_args().seconds
    with Server(find_place()) as server:
        end = time.monotonic() + seconds
        outcome = ask_all(server, lambda _: time.monotonic() < end)
        print(f"vLLM {server.vllm_version}, {CLIENTS} clients for {seconds:.0f} s: {outcome}")


if __name__ == "__main__":
    main()
