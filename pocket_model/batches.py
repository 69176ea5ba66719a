"""Samples as the arrays that the model trains on.

A batch holds one kind of sample in one shape, padded to one length, so that all batches of a
`Slot` have equal array shapes:

ids (B, L) · positions (3, B, L) · weights (B, L), 0 where nothing is to be learnt
turn (B, L), which answer of its sample a token belongs to, and -1 outside answers
and for pictures and clips frames (B, steps, 1 or 2, height, width, 3) uint8 · visual_at (B, V)
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np

from pocket_model.tokenizer import END_OF_TEXT, IMAGE_PAD, VIDEO_PAD, encode

CELL = 32  # px, side of a visual token
TRIES = 1000  # samples drawn for each place in a batch before giving up


@dataclass(frozen=True)
class Slot:
    """Batches of one array shape. `shape` is (width, height) of pictures or a clip's frames.

    `shortest` is the length below which a sample is left to another slot; `share` is how often
    this slot is chosen among those of its kind; `tasks` are what its samples are drawn for (all
    tasks of the kind, if none are named).
    """

    kind: str
    shape: tuple[int, ...] | None
    batch: int
    length: int
    share: float = 1.0
    shortest: int = 0
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Encoded:
    """One sample: ids, weights and turns (n,), positions (3, n), and where visual tokens are."""

    ids: np.ndarray
    positions: np.ndarray
    weights: np.ndarray
    turns: np.ndarray
    visual_at: np.ndarray


class _Writer:
    """Collects tokens with their positions in time, row and column."""

    def __init__(self, grid: tuple[int, int]) -> None:
        self.grid = grid  # rows and columns of visual tokens
        self.ids: list[np.ndarray] = []
        self.positions: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        self.turns: list[np.ndarray] = []
        self.turn = -1  # number of the last answer
        self.next = 0  # position of the next token
        self.length = 0

    def add(self, text: str, is_target: bool) -> None:
        ids = encode(text)
        weight = len(ids) ** -0.75 if is_target else 0.0  # long answers count little more
        self.turn += is_target
        start = 0
        for i, token in enumerate(ids):
            if token in (IMAGE_PAD, VIDEO_PAD):
                self._add_words(ids[start:i], weight)
                self._add_visual(token)
                start = i + 1
        self._add_words(ids[start:], weight)

    def _add_words(self, ids: list[int], weight: float) -> None:
        line = np.arange(self.next, self.next + len(ids))
        self._append(np.array(ids, np.int64), np.stack([line] * 3), weight)
        self.next += len(ids)

    def _add_visual(self, token: int) -> None:
        rows, columns = self.grid
        cells = np.indices((1, rows, columns)).reshape(3, -1) + self.next
        self._append(np.full(rows * columns, token, np.int64), cells, 0.0)
        self.next += max(rows, columns)

    def _append(self, ids: np.ndarray, positions: np.ndarray, weight: float) -> None:
        self.ids.append(ids)
        self.positions.append(positions)
        self.weights.append(np.full(len(ids), weight, np.float32))
        self.turns.append(np.full(len(ids), self.turn if weight else -1, np.int32))
        self.length += len(ids)


def encode_pieces(
    pieces: list[tuple[str, bool]], grid: tuple[int, int] = (0, 0), limit: int | None = None
) -> Encoded | None:
    """Tokens of rendered text pieces, whose visual pads stand for `grid` tokens each.

    Ends after the last answer that fits into `limit` tokens; None if no answer does.
    """
    writer, fits = _Writer(grid), 0
    for text, is_target in pieces:
        writer.add(text, is_target)
        if limit is not None and writer.length > limit:
            break
        fits = writer.length if is_target else fits
    if not fits:
        return None
    ids = np.concatenate(writer.ids)[:fits]
    return Encoded(
        ids=ids,
        positions=np.concatenate(writer.positions, axis=1)[:, :fits],
        weights=np.concatenate(writer.weights)[:fits],
        turns=np.concatenate(writer.turns)[:fits],
        visual_at=np.flatnonzero((ids == IMAGE_PAD) | (ids == VIDEO_PAD)),
    )


def grid_of(shape: tuple[int, ...] | None) -> tuple[int, int]:
    """Rows and columns of visual tokens in a picture or frame of a slot's shape."""
    return (shape[-1] // CELL, shape[-2] // CELL) if shape else (0, 0)


def stack_media(media: tuple[np.ndarray, ...], kind: str) -> np.ndarray:
    """Pictures as steps of one frame, a clip as steps of two: (steps, 1 or 2, H, W, 3)."""
    if kind == "clip":
        clip = np.asarray(media[0])
        return clip.reshape(-1, 2, *clip.shape[1:])
    return np.stack(media)[:, None]


def make_batch(slot: Slot, rng: Random, draw: Callable) -> tuple[dict, list[tuple[str, ...]]]:
    """A batch of samples from `draw(rng, slot)`, which returns (sample, pieces).

    With it the task of each answer of each sample. Raises ValueError if no sample fits the slot.
    """
    chosen = []
    for _ in range(TRIES * slot.batch):
        if len(chosen) == slot.batch:
            break
        sample, pieces = draw(rng, slot)
        encoded = encode_pieces(pieces, grid_of(slot.shape), slot.length)
        if encoded is not None and _belongs(encoded, sample, slot):
            chosen.append((sample, encoded))
    else:
        raise ValueError(f"No sample of kind {slot.kind} fits {slot}.")
    return collate(slot, chosen), [sample.tasks for sample, _ in chosen]


def _belongs(encoded: Encoded, sample, slot: Slot) -> bool:
    """Long enough for the slot, and with all its visual tokens."""
    rows, columns = grid_of(slot.shape)
    steps = len(stack_media(sample.media, slot.kind)) if slot.shape else 0
    whole = len(encoded.visual_at) == steps * rows * columns
    return whole and len(encoded.ids) > slot.shortest


def collate(slot: Slot, chosen: list[tuple]) -> dict[str, np.ndarray]:
    """Pad (sample, encoded) pairs to the slot's length and stack them."""
    size = (len(chosen), slot.length)
    ids = np.full(size, END_OF_TEXT, np.int64)
    weights = np.zeros(size, np.float32)
    turn = np.full(size, -1, np.int32)
    positions = np.zeros((3, *size), np.int32)
    for row, (_, encoded) in enumerate(chosen):
        n = len(encoded.ids)
        ids[row, :n] = encoded.ids
        weights[row, :n] = encoded.weights
        turn[row, :n] = encoded.turns
        positions[:, row, :n] = encoded.positions
    batch = {"ids": ids, "positions": positions, "weights": weights, "turn": turn}
    if slot.shape:
        batch["frames"] = np.stack([stack_media(sample.media, slot.kind) for sample, _ in chosen])
        batch["visual_at"] = np.stack([encoded.visual_at for _, encoded in chosen])
    return batch
