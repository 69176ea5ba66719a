"""Batches for training, drawn ahead by worker processes.

Batch number i is drawn from its own seed, whoever draws it. Without workers `take` draws the
batch when asked, so a run can be repeated exactly. With workers the batches come as they get
ready, and when the processors cannot keep up with the GPU an earlier batch is learnt again
(`echoes` counts these). A file of factors, read again as it changes, gives single tasks more or
less of what is drawn while a run goes on.
"""

import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from pocket_model.batches import Slot, make_batch

Batch = dict[str, Tensor]
AHEAD = 8  # batches of a kind that wait on the device
PICTURES = 100  # of a slot that a worker keeps for more conversations about them
KEPT = 400  # batches of a kind that are kept for learning them again


@dataclass(frozen=True)
class Drawn:
    """A batch, its slot's number, the tasks of its samples' answers, and when it is copied."""

    slot: int
    batch: Batch
    tasks: list[tuple[str, ...]]
    copied: torch.cuda.Event | None = None


class DrawnBatches(IterableDataset):
    """Endless batches from number `start` on, split among the workers.

    `kinds` are the kinds to draw and how many of each; `samples` is the module
    pocket_model.samples, or a stand-in in a test. `shares` is a JSON file of factors by which
    tasks are drawn more or less often than samples.TASKS says; it need not exist.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        kinds: dict[str, float],
        samples,
        seed: int,
        start: int = 0,
        shares: Path | None = None,
    ) -> None:
        self.slots, self.kinds, self.samples = slots, kinds, samples
        self.seed, self.start, self.shares = seed, start, shares
        self.changed: float | None = None  # when the file that was read last was written
        self.factors: dict[str, float] = {}

    def draw(self, number: int, kind: str | None = None, kept: dict | None = None) -> Drawn:
        """Batch `number`; `kept` has, for each slot, the pictures of batches before this one."""
        rng = Random(f"{self.seed}/{number}")
        kind = kind or rng.choices(list(self.kinds), list(self.kinds.values()))[0]
        fitting = [i for i, slot in enumerate(self.slots) if slot.kind == kind]
        chosen = rng.choices(fitting, [self.slots[i].share for i in fitting])[0]
        return self.draw_slot(chosen, rng, [] if kept is None else kept[chosen])

    def draw_slot(self, slot: int, rng: Random, pictures) -> Drawn:
        """A batch of the slot of this number, about some of `pictures` where it can be."""
        arrays, tasks = make_batch(
            self.slots[slot], rng, lambda rng, slot: self._draw_sample(rng, slot, pictures)
        )
        batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return Drawn(slot, batch, tasks)

    def _draw_sample(self, rng: Random, slot: Slot, pictures):
        task = self.choose_task(rng, slot)
        sample = self.samples.draw_sample(
            rng, slot.kind, slot.shape, task=task, kept=pictures, factors=self.factors
        )
        return sample, self.samples.render(sample)

    def choose_task(self, rng: Random, slot: Slot) -> str:
        weights = self.samples.TASKS[slot.kind]
        tasks = slot.tasks or tuple(weights)
        return rng.choices(tasks, [weights[t] * self.factors.get(t, 1.0) for t in tasks])[0]

    def read_shares(self) -> None:
        if self.shares is not None and self.shares.exists():
            written = self.shares.stat().st_mtime
            if written != self.changed:
                self.changed, self.factors = written, json.loads(self.shares.read_text())

    def __iter__(self) -> Iterator[Drawn]:
        worker = get_worker_info()
        number = self.start + worker.id
        kept = defaultdict(lambda: deque(maxlen=PICTURES))
        torch.set_num_threads(1)
        while True:
            self.read_shares()
            try:
                yield self.draw(number, kept=kept)
            except ValueError as error:  # one picture that cannot be drawn must not end a run
                print(f"Batch {number} could not be drawn: {error}", flush=True)
            number += worker.num_workers


class Feed:
    """`take(kind)` gives the next batch of a kind, on the device."""

    def __init__(self, drawn: DrawnBatches, device: torch.device, *, workers: int = 0) -> None:
        self.drawn, self.device, self.workers = drawn, device, workers
        self.number = drawn.start
        self.echoes = 0
        self.stream: torch.cuda.Stream | None = None
        self.lock = threading.Lock()  # held while a CUDA graph is captured
        if workers:
            self._start(workers)

    def take(self, kind: str) -> Drawn:
        self.number += 1
        if self.workers:
            found = self._take_ready(kind)
        else:
            found = self._copy(self.drawn.draw(self.number - 1, kind))
        if found.copied is not None:
            found.copied.wait()
            for array in found.batch.values():
                array.record_stream(torch.cuda.current_stream())
        return found

    def _take_ready(self, kind: str) -> Drawn:
        """The next batch from the workers, or an earlier one."""
        while not self.fresh[kind] and len(self.seen[kind]) < 4:
            if self.failure is not None:
                raise RuntimeError("A worker could not draw its batch.") from self.failure
            time.sleep(0.001)
        if self.fresh[kind]:
            found = self.fresh[kind].popleft()
            self.seen[kind].append(found)
            return found
        self.echoes += 1
        return self.rng.choice(self.seen[kind])

    def _start(self, workers: int) -> None:
        on_gpu = self.device.type == "cuda"
        self.loader = iter(
            DataLoader(
                self.drawn,
                batch_size=None,
                num_workers=workers,
                prefetch_factor=2,
                pin_memory=on_gpu,
                in_order=False,
            )
        )
        self.rng = Random(self.drawn.seed)
        self.fresh = {kind: deque() for kind in self.drawn.kinds}
        self.seen = {kind: deque(maxlen=KEPT) for kind in self.drawn.kinds}
        self.failure: BaseException | None = None

    def start_copying(self) -> None:
        """Begin to move batches to the device, in a thread of its own."""
        if self.workers:
            threading.Thread(target=self._copy_all, daemon=True).start()

    def _copy_all(self) -> None:
        try:
            for drawn in self.loader:
                while all(len(waiting) >= AHEAD for waiting in self.fresh.values()):
                    time.sleep(0.001)
                kind = self.drawn.slots[drawn.slot].kind
                full = len(self.fresh[kind]) >= AHEAD  # then only for learning it again
                (self.seen if full else self.fresh)[kind].append(self._copy(drawn))
        except BaseException as error:
            self.failure = error

    def take_each(self, first: int) -> Iterator[Drawn]:
        """One batch of every slot, on the device, beginning with the slot `first`."""
        numbers = range(len(self.drawn.slots))
        for slot in (*numbers[first:], *numbers[:first]):
            yield self._copy(self.drawn.draw_slot(slot, Random(f"{self.drawn.seed}/{slot}"), []))

    def _copy(self, drawn: Drawn) -> Drawn:
        if self.device.type != "cuda":
            return drawn
        self.stream = self.stream or torch.cuda.Stream(self.device)
        with self.lock, torch.cuda.stream(self.stream):
            batch = {n: a.to(self.device, non_blocking=True) for n, a in drawn.batch.items()}
            copied = torch.cuda.Event()
            copied.record()
        copied.synchronize()  # the pinned memory may be used again from here on
        return Drawn(drawn.slot, batch, drawn.tasks, copied)
