"""Checks for the exercises of notebook 01, Download the model."""

from helpers.download import Verification
from helpers.exercises import BLANK, Verdict, is_blank, read_number, right, show, wrong

# Exercise 1: Qwen3-VL-2B-Instruct. The slips are what a value left at the 4B model's gives.
SMALL_RELATIVE = 2_127_532_032
RELATIVE_SLIPS = {
    4_437_815_808: "that is the 4B model again, so the changed numbers are not in use",
    1_720_574_976: "the vision part is missing",
    406_957_056: "the language part is missing",
    2_135_922_688: "the vision part still puts out 2560 numbers a token, it is to be 2048",
    2_557_673_984: "the language part still has a hidden size of 2560",
    2_744_094_720: "the feed-forward part still has 9728 rows",
    2_530_220_032: "the language part still has 36 layers",
    2_362_413_056: "the language part still has 32 attention heads",
}

# Exercise 2, in GiB: attention and feed-forward of the language part in one byte, the rest in two.
HALF_FP8 = 5_242_315_776 / 2**30
FP8_SLIPS = {
    5.24: "that is in GB; a GiB is 2**30 bytes",
    8.27: "that is two bytes for every parameter",
    4.13: "that is one byte for every parameter, but only two parts are to shrink",
    5.76: "only the feed-forward part has shrunk, attention shrinks too",
    7.39: "only the attention part has shrunk, feed-forward shrinks too",
    4.52: "the token embedding keeps two bytes",
    4.50: "the vision part keeps two bytes",
    4.49: "the vision part keeps two bytes",
    3.38: "that is the part in one byte alone; the rest is to be added",
    1.50: "that is the part in two bytes alone; the rest is to be added",
}


def check_small_relative(answer: object) -> Verdict:
    """Exercise 1: how many parameters has Qwen3-VL-2B-Instruct?"""
    number = read_number(answer, "parameters?")
    if number is None:
        return _refuse(answer, "how many parameters the 2B model has")
    if number == SMALL_RELATIVE:
        return right("2,127,532,032 parameters, 3.96 GiB in bf16: half of the 4B model.")
    if number in RELATIVE_SLIPS:
        return wrong(f"Not {number:,.0f}: {RELATIVE_SLIPS[number]}.")
    return wrong(
        f"Not {number:,.10g}: change the five numbers, then add all parts of count_text and "
        "count_vision."
    )


def check_half_fp8(answer: object) -> Verdict:
    """Exercise 2: how many GiB are the weights with two parts in FP8?"""
    number = read_number(answer, "GiB", _is_half_fp8)
    if number is None:
        return _refuse(answer, "how many GiB the weights take")
    if _is_half_fp8(number):
        return right("4.88 GiB instead of 8.27: what is saved becomes room for KV cache.")
    if round(number) == round(HALF_FP8 * 2**30):
        return wrong("Right in bytes; divide by 2**30 for GiB.")
    if round(number, 2) in FP8_SLIPS:
        return wrong(f"Not {number:.2f}: {FP8_SLIPS[round(number, 2)]}.")
    return wrong(
        f"Not {number:,.10g}: attention and feed-forward at one byte, all other parts at two, "
        "divided by 2**30."
    )


def check_bytes_to_fetch(answer: object, check: Verification) -> Verdict:
    """Exercise 3: how many bytes does a repair of this folder have to fetch?"""
    bad = [file for file in check.files if file.name in check.to_fetch]
    needed = sum(file.expected for file in bad)
    number = read_number(answer, "bytes?|B", lambda number: number == needed)
    if number is None:
        return _refuse(answer, "how many bytes are to be fetched")
    if not bad:
        return wrong("This check found nothing to repair: run the cell that breaks the copy again.")
    short = [file for file in bad if file.state == "wrong size"]
    slips = {
        sum(file.found or 0 for file in bad): "those are the bytes found; the expected ones come",
        sum(file.expected or 0 for file in check.files): "that is the whole folder",
        len(bad): "that is the number of files",
        needed - sum(f.expected for f in bad if f.state == "damaged"): "a damaged file comes whole",
        needed - sum(f.expected for f in bad if f.state == "missing"): "a missing file comes too",
        needed - sum(f.expected for f in short): "a file of the wrong size comes too",
        needed - sum(f.found for f in short): "a file of the wrong size comes whole, not its rest",
    }
    if number == needed:
        return right(f"{needed:,} bytes for {len(bad)} files; nothing else is touched.")
    if number in slips:
        return wrong(f"Not {number:,.10g}: {slips[number]}.")
    return wrong(f"Not {number:,.10g}: add up `expected` of the files whose name is in to_fetch.")


def _is_half_fp8(number: float) -> bool:
    return abs(number - HALF_FP8) < 0.01


def _refuse(answer: object, what: str) -> Verdict:
    return BLANK if is_blank(answer) else wrong(f"{show(answer)} is no number: answer with {what}.")
