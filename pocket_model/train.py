"""Train the pocket model on one GPU, or on several of one machine.

    python -m pocket_model.train --minutes 10 --out FOLDER [--resume FOLDER]
    torchrun --nproc-per-node 2 -m pocket_model.train --minutes 10 --out FOLDER

Draws its samples while it learns (`samples.py`), prints loss and accuracy of each task as it
goes, and saves to FOLDER every two minutes and at the end: `state.pt` to go on from on the same
machine, and the weights alone in fp16 as `weights-N.safetensors` of at most 15 MB, which are
what `export.py` takes. `--resume` goes on from either, or from an exported checkpoint that has its
`progress.json` beside the weights, such as pocket_model/trained. A file FOLDER/shares.json, such as
{"tool_call": 2.0}, draws single tasks more or less often from the moment that it is written.

Accuracy is the share of answers with every token right, given the right text before it: less
than the share of right replies, because many questions have several right answers.
"""

import argparse
import copy
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from pocket_model import samples
from pocket_model.batches import Slot
from pocket_model.feed import Batch, Drawn, DrawnBatches, Feed
from pocket_model.model import PocketModel, Shape
from pocket_model.optimizer import Muon

PART = 15 * 10**6  # bytes of a weights file
TURNS = 4  # answers of a sample whose score is kept
TASKS = 256  # at most so many, the last for answers that are not there
NOISE = 0.05
AGREE = 10  # steps between two looks at the clock, where several GPUs learn together
SLOTS = (
    Slot("image", (512, 288), 40, 576, 3),
    Slot("image", (448, 288), 40, 576, 2),
    Slot("image", (288, 448), 40, 576, 2),
    Slot("image", (384, 384), 40, 576, 2),
    Slot("image", (320, 320), 40, 576, 1),
    Slot("image", (256, 256), 40, 576, 1),
    Slot("image", (288, 512), 40, 576, 1),
    Slot("image", (512, 288), 20, 960, 1, tasks=samples.LONG["image"]),
    Slot("image", (448, 288), 20, 960, 1, tasks=samples.LONG["image"]),
    Slot("image", (288, 448), 20, 960, 2, tasks=samples.LONG["image"]),
    Slot("image", (448, 288), 16, 1152, 2, tasks=samples.LONG["tools"]),
    Slot("image", (384, 384), 16, 1152, 1, tasks=samples.LONG["tools"]),
    Slot("text", None, 64, 320, 3),
    Slot("text", None, 40, 576, 2, shortest=320),
    Slot("text", None, 20, 960, 3, shortest=500),
    Slot("text", None, 16, 1408, 4, shortest=500, tasks=samples.LONG["calls"]),
    Slot("text", None, 10, 2048, 1, shortest=800, tasks=samples.LONG["copies"]),
    Slot("pair", (448, 288), 10, 704, 2),
    Slot("pair", (320, 320), 10, 640, 1),
    Slot("clip", (224, 128), 12, 1152, 1),
    Slot("clip", (320, 160), 12, 1024, 1),
    Slot("frames", (512, 256), 12, 768, 1),
)
# What one step learns, and how much each kind's loss counts.
STEPS = (
    *(("image", "text", "text"), ("image", "text", "clip"), ("image", "image", "text")),
    *(("image", "text", "pair"), ("image", "image", "text"), ("image", "text", "frames")),
)
LOSS_SHARE = {"image": 1.0, "text": 0.8, "clip": 0.7, "pair": 0.7, "frames": 0.3}


@dataclass(frozen=True)
class Settings:
    """Of one run; `steps` ends it earlier than `minutes`, for tests."""

    minutes: float = 10.0
    steps: int = 10**9
    seed: int = 1
    workers: int = 15
    lr: float = 3e-3  # Muon's, for the matrices
    adam_lr: float = 2e-3
    warm_up: int = 200  # steps
    decay: float = 0.5  # share of the run in which the rates fall to 0
    scale: float = 1.0  # of both rates
    report_every: float = 15.0  # s
    save_every: float = 120.0  # s
    noise: float = NOISE
    graphs: bool = True  # on a GPU: record each pass as a CUDA graph
    compiled: bool = True  # on a GPU: by torch.compile
    slots: Sequence[Slot] = SLOTS
    plan: Sequence[Sequence[str]] = STEPS
    draw: dict[str, float] = field(
        default_factory=lambda: {
            "image": 8.0,
            "text": 7.0,
            "clip": 1.0,
            "pair": 1.0,
            "frames": 1.0,
        }
    )


def gpus() -> tuple[int, int]:
    """The number of this process's GPU, and how many learn together."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def judge_logits(
    logits: Tensor, ids: Tensor, weights: Tensor, turn: Tensor
) -> tuple[Tensor, Tensor]:
    """The loss, and of each turn and sample what `Learner.score` adds up: (TURNS, batch, 4)."""
    logits, answers, weights = logits[:, :-1].float(), ids[:, 1:], weights[:, 1:]
    losses = F.cross_entropy(logits.flatten(0, 1), answers.flatten(), reduction="none")
    losses = losses.view_as(weights) * weights
    asked = turn[:, 1:] == torch.arange(TURNS, device=turn.device)[:, None, None]
    right, length = logits.argmax(-1) == answers, asked.sum(-1)
    found = [
        (length > 0).float(),
        ((right | ~asked).all(-1) & (length > 0)).float(),
        (right & asked).sum(-1) / length.clip(min=1),
        (losses.detach() * asked).sum(-1) / (weights * asked).sum(-1).clip(min=1e-6),
    ]
    return losses.sum() / weights.sum(), torch.stack(found, -1)


class Learner:
    """The model, its optimizers and what it has learnt of each task since the last report.

    `model` has the weights in float32, which the optimizers move; `working` has them in the type
    of the arithmetic, and gives the gradients.
    """

    def __init__(self, shape: Shape, settings: Settings, device: torch.device) -> None:
        self.settings, self.device = settings, device
        self.tasks: dict[str, int] = {}  # numbers of the tasks seen so far
        on_gpu = device.type == "cuda"
        torch.manual_seed(settings.seed)
        self.model = PocketModel(shape).to(device)
        self._start_working(torch.bfloat16 if on_gpu else torch.float32)
        matrices, self.others = [], []
        for name, weight in self.model.named_parameters():
            weight.grad = torch.zeros_like(weight)
            is_matrix = weight.ndim == 2 and "embed" not in name
            (matrices if is_matrix else self.others).append(weight)
        rates = [torch.tensor(lr, device=device) for lr in (settings.lr, settings.adam_lr)]
        self.muon = Muon(matrices, rates[0])
        self.adam = torch.optim.AdamW(
            *(self.others, rates[1], (0.9, 0.97)), weight_decay=0.0, fused=True, capturable=on_gpu
        )
        self.score = torch.zeros(TASKS, 4, device=device)  # answers, right, tokens right, loss
        self.judge = judge_logits
        if on_gpu and settings.compiled:
            self.working.compile_parts()
            self.judge = torch.compile(judge_logits, dynamic=False)
        self.pool = torch.cuda.graph_pool_handle() if on_gpu and settings.graphs else None
        self.graphs: dict[int, tuple[torch.cuda.CUDAGraph, Batch]] = {}
        self.moving: torch.cuda.CUDAGraph | None = None
        self.steps = self.samples = 0
        self.seconds = 0.0

    def _start_working(self, compute: torch.dtype) -> None:
        self.working = copy.deepcopy(self.model)
        for weight in self.working.parameters():
            weight.data = weight.data.to(compute)
        self.weights = list(self.working.parameters())
        self.sums = [torch.zeros_like(weight) for weight in self.weights]  # of gradients

    def prepare(self, batches: Iterable[Drawn], lock: threading.Lock) -> None:
        """Compile and record the pass over each batch's slot; `lock` is held while recording.

        Before the first step, so that several GPUs do it at the same time (in a step, all would
        wait for each other's), and each begins with another slot: what one has compiled, the
        others find in torch's cache.
        """
        if self.pool is None:
            return
        for drawn in batches:
            batch = drawn.batch | {"task": self._number_tasks(drawn.tasks)}
            self.graphs[drawn.slot] = self._record_pass(drawn.slot, batch, lock)

    def learn(self, drawn: Drawn) -> None:
        """Add the gradients of one batch, whose slot is prepared."""
        batch = drawn.batch | {"task": self._number_tasks(drawn.tasks)}
        if self.pool is None:
            self._forward_and_back(drawn.slot, batch)
        else:
            graph, inputs = self.graphs[drawn.slot]
            for name, array in inputs.items():
                array.copy_(batch[name], non_blocking=True)
            graph.replay()
        self.samples += len(batch["ids"]) * gpus()[1]

    def _number_tasks(self, tasks: list[tuple[str, ...]]) -> Tensor:
        """Task numbers (TURNS, batch) of the samples' answers."""
        numbers = torch.full((TURNS, len(tasks)), TASKS - 1)
        for row, names in enumerate(tasks):
            for turn, name in enumerate(names[:TURNS]):
                numbers[turn, row] = self.tasks.setdefault(name, len(self.tasks))
        return numbers.to(self.device, non_blocking=True)

    def step(self, scale: float, lock: threading.Lock) -> None:
        """Move the weights by the gradients added since the last step, on all GPUs together."""
        if dist.is_initialized():
            joined = torch.cat([one.flatten() for one in self.sums])
            dist.all_reduce(joined, dist.ReduceOp.AVG)
            parts = joined.split([one.numel() for one in self.sums])
            parts = [part.view_as(one) for part, one in zip(parts, self.sums, strict=True)]
            torch._foreach_copy_(self.sums, parts)
        for optimizer, lr in ((self.muon, self.settings.lr), (self.adam, self.settings.adam_lr)):
            for group in optimizer.param_groups:
                group["lr"].fill_(lr * scale)
        if self.moving:
            self.moving.replay()
        else:
            self._move()
            if self.pool is not None:
                self.moving = self._record(self._move, lock)
        self.steps += 1

    @torch.no_grad()
    def _move(self) -> None:
        torch._foreach_copy_([weight.grad for weight in self.model.parameters()], self.sums)
        torch._foreach_zero_(self.sums)
        torch.nn.utils.clip_grad_norm_(self.others, 1.0)
        self.muon.step()
        self.adam.step()
        self._refresh()

    @torch.no_grad()
    def _refresh(self) -> None:
        torch._foreach_copy_(self.weights, list(self.model.parameters()))

    def _forward_and_back(self, slot: int, batch: Batch) -> None:
        logits = self.working(batch, self.settings.noise)
        loss, found = self.judge(logits, batch["ids"], batch["weights"], batch["turn"])
        share = LOSS_SHARE[self.settings.slots[slot].kind]
        gradients = torch.autograd.grad(loss * share, self.weights, allow_unused=True)
        added = [(s, g) for s, g in zip(self.sums, gradients, strict=True) if g is not None]
        torch._foreach_add_(*map(list, zip(*added, strict=True)))
        self.score.index_add_(0, batch["task"].flatten(), found.flatten(0, 1))

    def _record_pass(
        self, slot: int, batch: Batch, lock: threading.Lock
    ) -> tuple[torch.cuda.CUDAGraph, Batch]:
        """The pass over a slot's batches as a CUDA graph, after one pass to warm up; its inputs."""
        inputs = {name: array.clone() for name, array in batch.items()}
        kept = [t.clone() for t in (*self.sums, self.score)]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            self._forward_and_back(slot, inputs)
        torch.cuda.current_stream().wait_stream(side)
        torch._foreach_copy_([*self.sums, self.score], kept)
        return self._record(lambda: self._forward_and_back(slot, inputs), lock), inputs

    def _record(self, run: Callable[[], None], lock: threading.Lock) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        with lock:
            torch.cuda.synchronize()
            with torch.cuda.graph(graph, pool=self.pool, capture_error_mode="thread_local"):
                run()
        return graph

    def report(self) -> dict[str, dict[str, float]]:
        """Answers, share right, share of tokens right and mean loss of each task; starts anew."""
        found, score = {}, self.score.tolist()
        for task, number in self.tasks.items():
            count, *sums = score[number]
            if count:
                right, tokens, loss = (total / count for total in sums)
                found[task] = {"n": int(count), "right": right, "tokens": tokens, "loss": loss}
        self.score.zero_()
        return found

    def state(self) -> dict:
        """Everything to go on from exactly here."""
        return {
            "model": self.model.state_dict(),
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
            "progress": self.progress(),
        }

    def progress(self) -> dict:
        return {"steps": self.steps, "samples": self.samples, "seconds": self.seconds}

    def load(self, folder: Path) -> None:
        """Go on from `state.pt`, or else from the weights alone."""
        if (folder / "state.pt").exists():
            state = torch.load(folder / "state.pt", map_location=self.device, weights_only=True)
            self.muon.load_state_dict(state["muon"])
            self.adam.load_state_dict(state["adam"])
            self.model.load_state_dict(state["model"])
        else:
            state = {"progress": json.loads((folder / "progress.json").read_text())}
            self.model.load_state_dict(load_weights(folder))
        self._refresh()
        for name in ("steps", "samples", "seconds"):
            setattr(self, name, state["progress"][name])

    def save(self, folder: Path) -> None:
        """Write the state, the weights in parts and the progress; nothing is left half-written."""
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / "state.pt", lambda path: torch.save(self.state(), path))
        weights = {name: w.detach().half().cpu() for name, w in self.model.state_dict().items()}
        for i, part in enumerate(split_weights(weights)):
            _replace(folder / f"weights-{i}.safetensors", lambda path, p=part: save_file(p, path))
        text = json.dumps(self.progress())
        _replace(folder / "progress.json", lambda path: path.write_text(text))


def _replace(path: Path, write) -> None:
    temporary = path.with_name(path.name + ".part")
    write(temporary)
    temporary.replace(path)


def split_weights(weights: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """The weights in as few parts of at most PART bytes as their order allows."""
    parts: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, weight in weights.items():
        if size + weight.nbytes > PART:
            parts.append({})
            size = 0
        parts[-1][name] = weight
        size += weight.nbytes
    return parts


def load_weights(folder: Path) -> dict[str, Tensor]:
    """All weights that `Learner.save` or `export.py` wrote to `folder`, in float32."""
    found: dict[str, Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= {name: weight.float() for name, weight in load_file(path).items()}
    return found


def rate_scale(settings: Settings, step: int, share: float) -> float:
    """The rates' scale: up over `warm_up` steps, constant, down to 0 over the last `decay`."""
    up = min(1.0, (step + 1) / settings.warm_up)
    down = min(1.0, max(0.0, 1 - share) / settings.decay) if settings.decay else 1.0
    return settings.scale * up * down


def train(
    settings: Settings,
    samples,
    *,
    out: Path | None = None,
    resume: Path | None = None,
    shape: Shape | None = None,
    start: float | None = None,
) -> Learner:
    """Train until the minutes or steps are over; `start` is when the minutes began.

    `samples` is the module pocket_model.samples, or a stand-in in a test.
    """
    start = time.monotonic() if start is None else start
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", torch.cuda.current_device())
    done = json.loads((resume / "progress.json").read_text())["steps"] if resume else 0
    first = sum(len(settings.plan[i % len(settings.plan)]) for i in range(done))
    rank, count = gpus()
    seed = settings.seed + 1000 * rank  # each GPU learns from samples of its own
    shares = out / "shares.json" if out else None
    drawn = DrawnBatches(settings.slots, settings.draw, samples, seed, first, shares)
    feed = Feed(drawn, device, workers=settings.workers)
    learner = Learner(shape or Shape(), settings, device)
    if resume:
        learner.load(resume)
    learner.prepare(feed.take_each(rank * len(settings.slots) // count), feed.lock)
    feed.start_copying()
    Run(settings, learner, feed, out if rank == 0 else None, start).go()
    return learner


class Run:
    """The loop of one run, its clock and its log."""

    def __init__(
        self, settings: Settings, learner: Learner, feed: Feed, out: Path | None, start: float
    ) -> None:
        self.settings, self.learner, self.feed, self.out = settings, learner, feed, out
        self.start = start
        self.reported = self.saved = self.began = time.monotonic()
        self.samples = learner.samples
        self.history: list[dict] = []

    def go(self) -> None:
        settings, learner = self.settings, self.learner
        done = []  # so that the processor stays at most two steps ahead of the GPU
        share = 0.0
        for step in range(settings.steps):
            now = time.monotonic()
            share = self._share_done(now, step, share)
            if share >= 1:
                break
            for kind in settings.plan[learner.steps % len(settings.plan)]:
                learner.learn(self.feed.take(kind))
            scale = rate_scale(settings, step, max(share, step / settings.steps))
            learner.step(scale, self.feed.lock)
            if learner.device.type == "cuda":
                done.append(torch.cuda.Event())
                done[-1].record()
                done[-3].synchronize() if len(done) > 2 else None
                done = done[-3:]
            self._report_and_save(now)
        learner.seconds += time.monotonic() - self.began
        self._report()
        if self.out:
            learner.save(self.out)

    def _share_done(self, now: float, step: int, last: float) -> float:
        """The share of the minutes that is over; several GPUs agree on the first one's clock."""
        share = (now - self.began) / (self.settings.minutes * 60 - (self.began - self.start))
        if not dist.is_initialized():
            return share
        if step % AGREE:
            return last
        told = torch.tensor([share], dtype=torch.float64, device=self.learner.device)
        dist.broadcast(told, 0)
        return told.item()

    def _report_and_save(self, now: float) -> None:
        if now - self.reported > self.settings.report_every:
            self._report()
        if self.out and now - self.saved > self.settings.save_every:
            self.learner.save(self.out)
            self.saved = now

    def _report(self) -> None:
        """Print one line of progress and one of every task; keep both in history.json."""
        now, learner = time.monotonic(), self.learner
        tasks = learner.report()
        speed = (learner.samples - self.samples) / (now - self.reported)
        self.history.append({"second": now - self.start, "step": learner.steps, "tasks": tasks})
        count = sum(t["n"] for t in tasks.values()) or 1
        loss = sum(t["loss"] * t["n"] for t in tasks.values()) / count
        if gpus()[0] == 0:  # the first GPU speaks for all
            print(
                f"{now - self.start:.0f} s, step {learner.steps}: loss {loss:.3f}, "
                f"{speed:.0f} samples/s, {self.feed.echoes} batches learnt again",
                " ".join(f"{name} {t['right']:.2f}/{t['tokens']:.3f}" for name, t in tasks.items()),
                sep="\n  ",
                flush=True,
            )
        self.reported, self.samples = now, learner.samples
        if self.out:
            self.out.mkdir(parents=True, exist_ok=True)
            text = json.dumps(self.history)
            _replace(self.out / "history.json", lambda path: path.write_text(text))


def main() -> None:
    start = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", type=Path)
    for name in ("minutes", "steps", "seed", "workers", "lr", "warm_up", "decay", "scale"):
        default = getattr(Settings(), name)
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, type=type(default), default=default)
    found = vars(parser.parse_args())
    out, resume = found.pop("out"), found.pop("resume")
    if "LOCAL_RANK" in os.environ:  # started by torchrun
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl")  # one process a GPU
    train(Settings(**found), samples, out=out, resume=resume, start=start)
    os._exit(0)  # the workers hold nothing worth waiting for


if __name__ == "__main__":
    main()
