"""The pocket model's tokenizer: one token for each byte of UTF-8, and Qwen's special tokens.

A byte's token id is its value. With one token a character, spelling backwards and reading
letters off a picture are short tasks for a small model. `encode` is quick pure Python for the
training data; `make_tokenizer` builds the `Qwen2TokenizerFast` of the checkpoint. Their ids agree.
"""

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Qwen's own special tokens, in Qwen's order. Tool marks are ordinary text to a decoder.
SPECIAL = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
]
TOOL_MARKS = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]
IDS = {mark: 256 + i for i, mark in enumerate(SPECIAL + TOOL_MARKS)}
NAMES = {i: mark for mark, i in IDS.items()}
END_OF_TEXT = IDS["<|endoftext|>"]
IM_END = IDS["<|im_end|>"]
IMAGE_PAD = IDS["<|image_pad|>"]
VIDEO_PAD = IDS["<|video_pad|>"]
VOCABULARY = 320  # the 272 tokens, padded to a multiple of 64
_MARKS = re.compile("(" + "|".join(map(re.escape, IDS)) + ")")


def encode(text: str) -> list[int]:
    """The token ids of `text`; special tokens written in it become their one id."""
    ids: list[int] = []
    for part in _MARKS.split(text):
        mark = IDS.get(part)
        if mark is None:
            ids.extend(part.encode())
        else:
            ids.append(mark)
    return ids


def decode(ids: list[int]) -> str:
    """The text of token ids; bytes that are no UTF-8 show as U+FFFD."""
    text = b"".join(bytes([i]) if i < 256 else NAMES.get(i, "").encode() for i in ids)
    return text.decode(errors="replace")


def make_tokenizer():
    """The `Qwen2TokenizerFast` of the checkpoint, with the course's chat template."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import Qwen2TokenizerFast

    core = Tokenizer(models.BPE(vocab=_byte_characters(), merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    core.add_tokens([AddedToken(t, special=False, normalized=False) for t in TOOL_MARKS])
    return Qwen2TokenizerFast(
        tokenizer_object=core,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=SPECIAL[1:],
        chat_template=(HERE / "chat_template.jinja").read_text(),
        model_max_length=262144,
    )


def _byte_characters() -> dict[str, int]:
    """The printable character that byte-level tokenizers write for each byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (byte for byte in range(256) if byte not in printable)
    characters = {chr(byte): byte for byte in printable}
    return characters | {chr(256 + i): byte for i, byte in enumerate(others)}
