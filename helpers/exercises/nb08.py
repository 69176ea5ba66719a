"""Checks for the exercises of notebook 08, Plan memory."""

from helpers.exercises import BLANK, Verdict, is_blank, read_number, right, wrong
from helpers.memory import QWEN3_VL_4B

BLOCK = 16  # tokens that the KV cache is handed out in, on a card

# Exercise 1: whole requests in a cache of 8.00x.
CACHE, REQUEST = 131_072, 16_384
WHOLE = (CACHE // BLOCK - 1) // (REQUEST // BLOCK)

# Exercise 2: the greatest length in 2.10 GiB of KV cache.
TOKEN_BYTES = QWEN3_VL_4B.token_bytes(2)  # bf16
ROOM = int(2.10 * 2**30 / TOKEN_BYTES)  # tokens
LONGEST = ROOM // BLOCK * BLOCK
ENOUGH = 15_000
IN_GB = int(2.10e9 / TOKEN_BYTES)
HALF_BYTES = int(2.10 * 2**30 / (TOKEN_BYTES / 2))


def check_whole(answer: object) -> Verdict:
    """Exercise 1: the requests of 16,384 tokens that run at once in 131,072 tokens of cache."""
    if is_blank(answer):
        return BLANK
    many = read_number(answer, "requests?", lambda number: number == WHOLE)
    if many is None:
        return wrong("`answer` is to be one number of requests.")
    if many == WHOLE:
        return right("7: vLLM keeps one block of the cache, so the eighth lacks its last one.")
    if many == WHOLE + 1:
        return wrong("Not 8: one block of the cache is vLLM's own. What does the eighth lack?")
    return wrong(f"Not {many:g}: divide the cache by one request, and mind vLLM's own block.")


def check_length(answer: object) -> Verdict:
    """Exercise 2: a --max-model-len that 2.10 GiB of KV cache have room for, and not far less."""
    if is_blank(answer):
        return BLANK
    length = read_number(
        answer, "tokens?", lambda number: ENOUGH <= number <= LONGEST, before="--max-model-len"
    )
    if length is None:
        return wrong("`answer` is to be one number of tokens.")
    if length == int(length) and ENOUGH <= length <= LONGEST:
        return right(
            f"2.10 GiB hold {ROOM:,} tokens, in whole blocks {LONGEST:,}: the greatest length that "
            f"starts. (One block is vLLM's own, so {LONGEST - BLOCK:,} are the most that fit.)"
        )
    if LONGEST < length <= ROOM + 1:
        return wrong(f"Nearly: the cache is handed out in whole blocks of {BLOCK} tokens.")
    if abs(length - HALF_BYTES) < BLOCK:
        return wrong("That is one byte a number; bf16 has two.")
    if abs(length - IN_GB) < BLOCK:
        return wrong("That is 2.10 GB; the log counts in GiB, of 1,073,741,824 bytes.")
    if length > LONGEST:
        return wrong(f"Not {length:,.0f}: that is more than 2.10 GiB hold at 144 KiB a token.")
    return wrong(f"Not {length:,.0f}: it would start, but a greater length has room as well.")
