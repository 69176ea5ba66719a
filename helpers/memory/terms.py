"""The parts that a vLLM server's memory goes to, each with where its figure comes from.

Formulas were read in vLLM 0.11.0, 0.26.0 and 0.32.0 (v1/worker/gpu_worker.py,
v1/worker/gpu_model_runner.py, v1/worker/gpu/model_runner.py, v1/core/kv_cache_utils.py,
multimodal/encoder_budget.py). Measured figures are from starts with random weights of
Qwen3-VL-4B's shapes: vLLM 0.11.0 on an H100, 0.26.0 on an H100 and an H200, 0.32.0 on an H200.
measurements/memory.csv has them all.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import NoneType

from helpers.card import Card
from helpers.errors import CourseError
from helpers.memory.shapes import BYTES, QWEN3_VL_4B, Shapes
from helpers.places import GIB

CUDA_HIDES = 0.47  # GiB: an H100 has 79.65 by nvidia-smi and 79.18 by CUDA (an H200 0.60 less)
CONTEXT = 0.52  # GiB that CUDA takes before vLLM looks at what is free
PYTHON = {"0.11": 3.4, "0.26": 4.1, "0.32": 4.1}  # GiB of all processes on a CPU (RSS)
IMAGE_TOKENS = 16_384  # the largest picture, 16,777,216 pixels
VIDEO_TOKENS = 12_288  # the largest clip, 25,165,824 pixels in all frames
LARGE_CARD, HUGE_CARD = 70, 160  # GiB; from here on vLLM's server takes larger batches
SHORT_SORT = 127  # requests; of more, torch sorts the logits in less memory (SortStable.cu)
# 0.11.0's attention in the vision tower holds so many rows of its width for each patch, at the
# moment when queries and keys have been turned in float32 and are made bfloat16 again: 21.2 by a
# trace of the source on a CPU, 22.7 by a start without clips on an H100.
ATTENTION_ROWS = 22.7
UNLIMITED = 999  # pictures or clips in one prompt
KV_TYPES = ("auto", "fp8", "fp8_e4m3", "fp8_e5m2")
CPU_SPACE = 4  # GiB, 0.11.0's default for VLLM_CPU_KVCACHE_SPACE
CPU_BLOCK, GPU_BLOCK = 128, 16  # tokens
FROM_CONFIG = "formula from config.json"

# Each setting's kind, and how an error names it.
KINDS = {
    "gpu_memory_utilization": ((int, float, NoneType), "a number"),
    "max_model_len": ((int, NoneType), "a whole number"),
    "max_num_seqs": ((int, NoneType), "a whole number"),
    "max_num_batched_tokens": ((int, NoneType), "a whole number"),
    "limit_mm_per_prompt": (Mapping, "a mapping such as {'image': 4}"),
    "kv_cache_dtype": (str, "a name"),
    "dtype": (str, "a name"),
    "quantization": ((str, NoneType), "a name"),
    "enforce_eager": (bool, "True or False"),
    "cpu_space": ((int, NoneType), "a whole number"),
}


class PlanError(CourseError):
    """The settings contradict each other, or the planner cannot know this start."""


@dataclass(frozen=True)
class Held:
    """What a version's plans were held against: starts in measurements/memory.csv.

    `gap` is the most, in %, that a planned KV cache of one card was off; `fp8` says whether some
    had FP8 weights or an FP8 KV cache.
    """

    machines: str
    version: str
    starts: int
    gap: float
    fp8: bool

    @property
    def source(self) -> str:
        return f"measured: {self.machines}, vLLM {self.version}, 4B shapes"


@dataclass(frozen=True)
class Engine:
    """How a version of vLLM divides the memory; sizes in GiB.

    `encoder`: "expanded" reserves the largest clip's tokens times 12.5, "unprofiled" reserves
    nothing for pictures and clips, "profiled" runs the largest one. `logit_bytes`: bytes that the
    sampler's trial run takes for each request and word, for up to SHORT_SORT requests and for
    more. `held` are the measured starts that the next four come from: `loading`, what parameters
    and buffers do not explain of the weights, `other`, what CUDA takes, `compiling`, what the trial
    run of a compiled model takes at least, and `graphs`, the CUDA graphs of a server of at most so
    many requests.
    `graphs_inside`: whether these are taken from the share. `spare_block`: whether the check at
    the start holds back the one block that vLLM keeps for itself. `counts_requests`: whether the
    log's KV tokens are requests of the greatest length times that length. `loads_wide`: whether
    quantization="fp8" first loads the weights in 16 bits (0.11.0's
    Fp8LinearMethod.create_weights); 0.26 and 0.32 make them FP8 layer by layer
    (quantization/online/fp8.py). `long_angles`: for how many times the model's positions the rotary
    angles are kept (mrope_positions_factor in 0.32's qwen3_vl.py). `huge_batch`: tokens a step on a
    card of HUGE_CARD or more, and `share`, the share of the card, of a server that is given none.
    """

    version: tuple[int, int]
    encoder: str
    logit_bytes: tuple[int, int]
    held: Held
    loading: float
    other: float
    compiling: float
    graphs: tuple[tuple[int, float], ...]
    graphs_inside: bool
    spare_block: bool
    counts_requests: bool
    loads_wide: bool
    long_angles: int = 4
    huge_batch: int = 8192
    share: float = 0.90

    @property
    def name(self) -> str:
        return f"{self.version[0]}.{self.version[1]}"


ENGINES = (
    Engine(
        version=(0, 11),
        encoder="expanded",
        logit_bytes=(50, 38),
        held=Held("H100", "0.11.0", starts=9, gap=0.1, fp8=False),
        loading=0.046,  # of the measured 8.591
        other=0.18,
        compiling=0.0,
        graphs=((16, 0.13), (64, 0.24), (256, 0.66), (1024, 0.84)),
        graphs_inside=False,
        spare_block=False,
        counts_requests=False,
        loads_wide=True,
    ),
    Engine(
        version=(0, 26),
        encoder="unprofiled",
        logit_bytes=(4, 4),
        held=Held("H100 and H200", "0.26.0", starts=22, gap=0.4, fp8=True),
        loading=0.06,  # of the measured 8.69
        other=0.22,
        compiling=0.32,
        graphs=((16, 0.15), (64, 0.24), (256, 0.61), (1024, 1.01)),
        graphs_inside=False,
        spare_block=False,
        counts_requests=True,
        loads_wide=False,
    ),
    Engine(
        version=(0, 32),
        encoder="profiled",
        logit_bytes=(4, 4),
        held=Held("H200", "0.32.0", starts=8, gap=0.9, fp8=True),
        loading=0.08,  # of the measured 8.44
        other=0.48,
        compiling=0.32,  # 0.26's: the eight starts had pictures, which take more
        # Measured: 4, 64 and 256; else 0.26's.
        graphs=((4, 0.08), (16, 0.15), (64, 0.23), (256, 0.65), (1024, 1.01)),
        graphs_inside=True,
        spare_block=True,
        counts_requests=True,
        loads_wide=False,
        long_angles=1,
        huge_batch=16_384,
        share=0.92,
    ),
)


@dataclass(frozen=True)
class Settings:
    """The flags of `vllm serve` that memory depends on; None is vLLM's own default.

    `limit_mm_per_prompt` maps "image" and "video" to a number, or to vLLM's long form, a mapping
    of which only "count" is read; what it does not name has no limit. `cpu_space` is
    VLLM_CPU_KVCACHE_SPACE in GiB and counts on a CPU alone.
    """

    gpu_memory_utilization: float | None = None
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    limit_mm_per_prompt: Mapping[str, int | Mapping] = field(default_factory=dict)
    kv_cache_dtype: str = "auto"
    dtype: str = "auto"
    quantization: str | None = None
    enforce_eager: bool = False
    cpu_space: int | None = None


@dataclass(frozen=True)
class Term:
    """A part of the memory, in bytes, and where its size comes from.

    `inside` is False for what vLLM takes beside its share of the card.
    """

    name: str
    size: int
    source: str
    inside: bool = True


@dataclass(frozen=True)
class Start:
    """One start with all defaults filled in: what is served, how, and on what.

    The share in `settings` is filled in, and its limits are whole numbers. `space` is
    VLLM_CPU_KVCACHE_SPACE in GiB and means nothing on a card.
    """

    shapes: Shapes
    settings: Settings
    card: Card
    version: str
    engine: Engine
    length: int
    seqs: int
    batch: int
    dtype: str
    space: int

    @property
    def on_cpu(self) -> bool:
        return self.card.capability == (0, 0)

    @property
    def block(self) -> int:
        """Tokens in a block of the KV cache."""
        return CPU_BLOCK if self.on_cpu else GPU_BLOCK

    @property
    def number(self) -> int:
        """Bytes of one number that is not quantized."""
        return BYTES[self.dtype]

    @property
    def token_bytes(self) -> int:
        kind = self.settings.kv_cache_dtype
        return self.shapes.token_bytes(self.number if kind == "auto" else BYTES["fp8"])

    @property
    def request_bytes(self) -> int:
        """KV cache of one request of the greatest length."""
        return self.count_blocks(self.length) * self.block * self.token_bytes

    def count_blocks(self, length: int) -> int:
        """Blocks that a request of so many tokens takes."""
        return -(-length // self.block)

    @property
    def total(self) -> int:
        """Bytes that the share is a share of; nvidia-smi's total is a little more."""
        return self.card.total if self.on_cpu else self.card.total - round(CUDA_HIDES * GIB)

    @property
    def free(self) -> int:
        """Bytes that vLLM will find free when it looks."""
        if self.on_cpu:
            return self.card.free
        return max(min(self.card.free, self.total) - round(CONTEXT * GIB), 0)

    @property
    def has_fp8_cache(self) -> bool:
        """Whether this version has an FP8 KV cache here: 0.11 from compute capability 8.9 on.

        Below, its Triton kernel meets "type fp8e4nv not supported" (platforms/cuda.py,
        v1/attention/backends/triton_attn.py).
        """
        return self.engine.name != "0.11" or self.card.capability >= (8, 9)

    @property
    def blind(self) -> bool:
        """Whether the server takes neither pictures nor clips."""
        limits = self.settings.limit_mm_per_prompt
        return limits.get("image", UNLIMITED) == limits.get("video", UNLIMITED) == 0

    @property
    def measured(self) -> bool:
        """Whether starts of this model have been measured, with FP8 or of text alone if asked."""
        same = self.shapes == QWEN3_VL_4B and self.dtype == QWEN3_VL_4B.dtype
        fp8 = self.settings.quantization or self.settings.kv_cache_dtype != "auto"
        return same and (self.engine.held.fp8 or not fp8) and not self.blind

    @property
    def notes(self) -> tuple[str, ...]:
        """What nobody has measured of this start."""
        notes = []
        if self.version.split(".")[:2] != self.engine.name.split("."):
            notes.append(f"vLLM {self.version} was not read; planned as {self.engine.name} is.")
        if self.on_cpu:
            return tuple(notes)
        if self.engine.encoder == "unprofiled" and count_encoder_tokens(self)[2]:
            notes.append(
                f"vLLM {self.engine.name} tries no picture at the start: what the vision tower "
                "takes for a large one comes from the memory beside the share."
            )
        return (*notes, self._say_what_was_measured())

    def _say_what_was_measured(self) -> str:
        held, name = self.engine.held, self.engine.name
        if self.measured:
            return (
                f"Held against {held.starts} starts ({held.source}): at most {held.gap:g} % off in "
                "the KV cache."
            )
        return (
            f"No such start of vLLM {name} on a GPU has been measured: parameters and bytes a "
            "token are exact, the rest is computed from its source or from the measured starts of "
            "the 4B."
        )

    def __str__(self) -> str:
        card = self.card.name if self.on_cpu else f"{self.card.name} of {self.total / GIB:.1f} GiB"
        return f"vLLM {self.version} on {card}, requests up to {self.length:,} tokens"


def resolve_start(shapes: Shapes, settings: Settings, card: Card, version: str) -> Start:
    """Fill in the defaults of `vllm serve`; raises `PlanError` for what vLLM would not accept."""
    _check_kinds(settings)
    limits = _count_limits(settings.limit_mm_per_prompt)
    engine = find_engine(version)
    usual_batch, usual_seqs = _find_defaults(card, engine)
    batch = _choose(settings.max_num_batched_tokens, usual_batch)
    seqs = _choose(settings.max_num_seqs, min(usual_seqs, batch))
    start = Start(
        shapes=shapes,
        settings=replace(
            settings,
            gpu_memory_utilization=_choose(settings.gpu_memory_utilization, engine.share),
            limit_mm_per_prompt=limits,
        ),
        card=card,
        version=re.match(r"v?([\d.]*\d)", version)[1],
        engine=engine,
        length=_choose(settings.max_model_len, shapes.longest),
        seqs=seqs,
        batch=batch,
        dtype=shapes.dtype if settings.dtype == "auto" else settings.dtype,
        space=_choose(settings.cpu_space, CPU_SPACE),
    )
    for trouble in _find_troubles(start):
        raise PlanError(trouble)
    return start


def _find_defaults(card: Card, engine: Engine) -> tuple[int, int]:
    """(tokens a step, requests at once) of a server that is given neither.

    Sizes are those that CUDA sees; an A100 of 80 GB is left out by name.
    """
    if card.capability == (0, 0):
        return 2048, 128
    seen = card.total / GIB - CUDA_HIDES
    if seen >= HUGE_CARD:
        return engine.huge_batch, 1024
    if seen >= LARGE_CARD and "a100" not in card.name.lower():
        return 8192, 1024
    return 2048, 256


def _check_kinds(settings: Settings) -> None:
    """Raise `PlanError` for the first value of a wrong kind; True is no number."""
    for name, (kind, wanted) in KINDS.items():
        value = getattr(settings, name)
        if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
            raise PlanError(f"{name} is {value!r}, the wrong kind of value: {wanted} is wanted.")


def _count_limits(limits: Mapping[str, int | Mapping]) -> dict[str, int]:
    """How many pictures and clips a prompt may have, also from {"video": {"count": 1}}."""
    counts = {}
    for name, value in limits.items():
        if name not in ("image", "video"):
            raise PlanError(f"limit_mm_per_prompt names {name!r}; image and video are planned.")
        count = value.get("count") if isinstance(value, Mapping) else value
        if not isinstance(count, int) or isinstance(count, bool):
            raise PlanError(f"limit_mm_per_prompt has {name} {value!r}; whole numbers are wanted.")
        counts[name] = count
    return counts


def _choose(given: float | None, default: float) -> float:
    return default if given is None else given


def find_engine(version: str) -> Engine:
    """The newest version read that is not newer than this one; "0.11.0.post2" will do."""
    found = re.match(r"v?(\d+)\.(\d+)", version) if isinstance(version, str) else None
    if found is None:
        raise PlanError(f"{version!r} is no version of vLLM; it looks like 0.11.0.")
    number = (int(found[1]), int(found[2]))
    if number < ENGINES[0].version:
        raise PlanError(f"The planner knows vLLM from 0.11.0 on, not {version}.")
    return [engine for engine in ENGINES if engine.version <= number][-1]


def _find_troubles(start: Start) -> list[str]:
    """What vLLM itself refuses, or what no start can have; one sentence each."""
    settings, shapes = start.settings, start.shapes
    counts = {
        "max_model_len": start.length,
        "max_num_seqs": start.seqs,
        "max_num_batched_tokens": start.batch,
        "cpu_space": start.space,
    }
    troubles = [f"{name} is {n!r}; it has to be at least 1." for name, n in counts.items() if n < 1]
    if not 0 < settings.gpu_memory_utilization <= 1:
        share = settings.gpu_memory_utilization
        troubles.append(f"gpu_memory_utilization is a share of the card, 0 to 1; it is {share}.")
    if any(number < 0 for number in settings.limit_mm_per_prompt.values()):
        troubles.append("limit_mm_per_prompt holds a number below 0.")
    if start.length > shapes.longest:
        troubles.append(
            f"max_model_len {start.length:,} is more than the model can do, {shapes.longest:,}."
        )
    if start.batch < start.seqs:
        troubles.append(
            f"max_num_batched_tokens ({start.batch}) has to be at least max_num_seqs "
            f"({start.seqs}): every running request gets a token in each step."
        )
    if start.dtype not in BYTES or start.dtype == "fp8":
        troubles.append(f"The weights' dtype is {start.dtype!r}; bfloat16 is what the model has.")
    if settings.quantization not in (None, "fp8"):
        troubles.append(f"quantization {settings.quantization!r}: the planner knows fp8 alone.")
    if settings.kv_cache_dtype not in KV_TYPES:
        troubles.append(f"kv_cache_dtype {settings.kv_cache_dtype!r}: auto or fp8 are planned.")
    elif settings.kv_cache_dtype != "auto" and not start.has_fp8_cache:
        where = "a CPU" if start.on_cpu else f"{start.card.name} (compute capability below 8.9)"
        troubles.append(f"vLLM 0.11.0 refuses an FP8 KV cache on {where}; leave it at auto.")
    if start.on_cpu and settings.cpu_space is None and start.engine.name != "0.11":
        troubles.append(
            f"vLLM {start.version} sizes the KV cache from the machine's memory when "
            "VLLM_CPU_KVCACHE_SPACE is not set: set cpu_space."
        )
    return troubles


def list_terms(start: Start) -> tuple[Term, ...]:
    """All parts but the KV cache, in the order in which they are taken."""
    if start.on_cpu:
        return _list_cpu_terms(start)
    work, work_source = _count_working(start)
    encoder, encoder_source = _count_encoder(start, work)
    graphs = 0 if start.settings.enforce_eager else _count_graphs(start)
    weights = count_weights(start, start.settings.quantization or "")
    engine, source = start.engine, start.engine.held.source
    weights_source = f"{FROM_CONFIG}, with vLLM's buffers and {engine.loading} GiB measured"
    return (
        Term("weights", weights, weights_source),
        Term("other", round(engine.other * GIB), f"CUDA's libraries; {source}"),
        Term("activations", work, work_source),
        Term("pictures and clips", encoder, encoder_source),
        Term("CUDA graphs", graphs, source, inside=engine.graphs_inside),
    )


def _list_cpu_terms(start: Start) -> tuple[Term, ...]:
    weights = start.shapes.weight_bytes(start.dtype, start.settings.quantization or "")
    programs = round(PYTHON[start.engine.name] * GIB)
    source = "measured: RSS of all processes, 2 cores, pocket model"
    return (
        Term("weights", weights, FROM_CONFIG),
        Term("Python and vLLM", programs, source),
    )


def count_weights(start: Start, quantization: str) -> int:
    """Parameters, and two buffers that vLLM's "Model loading took" counts with them.

    Rotary angles for all positions that the model has, before 0.32 for four times as many, and one
    row of deepstack features for every token of a batch. Where neither pictures nor clips are
    allowed, the vision tower is not loaded (qwen3_vl.py of 0.11.0 and 0.32.0).
    """
    shapes = start.shapes
    weights = shapes.weight_bytes(start.dtype, quantization)
    angles = start.engine.long_angles * shapes.longest * shapes.head_dim * start.number
    features = shapes.deepstack * start.batch * shapes.hidden * start.number
    if start.blind:
        weights, features = weights - shapes.vision_bytes(start.dtype, quantization), 0
    return weights + angles + features + round(start.engine.loading * GIB)


def _count_working(start: Start) -> tuple[int, str]:
    """The largest of two trial runs and of what compiling takes, and its source.

    The trial runs are a full batch through a layer and the sampler. In a layer the feed-forward
    part holds most: its two inner products, their product and five rows of the hidden size for
    every token.
    """
    layer = start.batch * (3 * start.shapes.ffn + 5 * start.shapes.hidden) * start.number
    sampler, sampler_source = _count_sampler(start)
    compiling = 0 if start.settings.enforce_eager else round(start.engine.compiling * GIB)
    if compiling >= max(layer, sampler):
        return compiling, f"compiling the model; {start.engine.held.source}"
    if layer >= sampler:
        return layer, f"a batch of {start.batch:,} tokens; {_say_layer_source(start)}"
    return sampler, sampler_source


def _count_sampler(start: Start) -> tuple[int, str]:
    """What sampling for all requests takes, and its source.

    0.11.0 sorts the logits of all requests: of each word the number in 2 and in 4 bytes, the
    sorted one and its place, and what torch's sort needs on a card (SortStable.cu), while the
    batch's last layer is still held. (FlashInfer, which sorts nothing, is not in the course.)
    """
    few, many = start.engine.logit_bytes
    word = few if start.seqs <= SHORT_SORT else many
    size = start.seqs * start.shapes.vocabulary * word
    how = "computed"
    if start.engine.name == "0.11":
        size += start.batch * start.shapes.hidden * start.number
        how = "0.11.0's sort, by torch's source"
    return size, f"sampling for {start.seqs:,} requests, {word} bytes a word; {how}"


def _say_layer_source(start: Start) -> str:
    known = start.shapes == QWEN3_VL_4B and start.dtype == QWEN3_VL_4B.dtype
    known = known and start.batch == 8192 and not start.settings.quantization
    known = known and start.engine.name != "0.11"
    return "formula, 2 % above the measured 0.63 GiB" if known else "formula"


def _count_graphs(start: Start) -> int:
    """The more requests can run at once, the more graphs are recorded, up to 512 of them."""
    graphs = start.engine.graphs
    sizes = [size for most, size in graphs if start.seqs <= most]
    return round((sizes or [graphs[-1][1]])[0] * GIB)


def _count_encoder(start: Start, work: int) -> tuple[int, str]:
    """What the trial with the largest picture or clip adds to `work`, and how that is known.

    The pixels and the tower's output stay while the language layers are tried. 0.11 copies the
    output into a table of the whole budget; with clips that makes it the largest term after the
    weights. With pictures alone its peak is inside the tower.
    """
    if start.engine.encoder == "unprofiled":
        return 0, "0.26 to 0.31 set nothing aside for the vision tower"
    items, largest, budget = count_encoder_tokens(start)
    if not budget:
        return 0, "no pictures or clips allowed"
    numbers = start.shapes.vision_out * (1 + start.shapes.deepstack)
    patches = items * largest * 4
    pixels = patches * 3 * 2 * start.shapes.vision_patch**2 * start.number
    kept = items * largest * numbers * start.number
    if start.engine.encoder == "expanded" and largest < budget:
        kept += items * budget * numbers * start.number
    tower = _count_tower(start, patches)
    if tower > kept + work:
        how = "fitted to a start" if start.engine.encoder == "expanded" else "formula"
        return pixels + tower - work, f"{patches:,} patches in the vision tower; {how}"
    return pixels + kept, f"{budget:,} tokens × {numbers:,} numbers; formula"


def _count_tower(start: Start, patches: int) -> int:
    """Bytes at the peak inside the vision tower: in 0.11.0 in its attention, later in its MLP.

    A row of the width is one number for each patch and hidden size; the features that go to the
    language layers have one row for four patches.
    """
    shapes = start.shapes
    features = shapes.deepstack * shapes.vision_out / 4
    if start.engine.encoder == "expanded":
        numbers = ATTENTION_ROWS * shapes.vision_hidden + features
    else:
        numbers = 2 * (shapes.vision_hidden + shapes.vision_ffn) + features + shapes.vision_out / 4
    return round(patches * numbers * start.number)


def count_encoder_tokens(start: Start) -> tuple[int, int, int]:
    """(items, tokens of one, budget) of the trial with the largest picture or clip.

    0.11 counts a clip 12.5 times, for the text between its frames; its trial takes the kind with
    more tokens, and as many items as the budget and the requests hold.
    """
    limits = start.settings.limit_mm_per_prompt
    pictures = limits.get("image", UNLIMITED)
    clips = limits.get("video", UNLIMITED)
    if start.blind:
        return 0, 0, 0
    if start.engine.encoder == "expanded" and clips:
        largest = 12_100 if start.length < VIDEO_TOKENS else VIDEO_TOKENS
        return 1, largest, max(start.batch, int(largest * 12.5))
    largest, limit = (IMAGE_TOKENS, pictures) if pictures else (VIDEO_TOKENS, clips)
    budget = max(start.batch, largest)
    in_requests = start.seqs * max(1, min(limit, start.length // largest))
    return max(1, min(budget // largest, in_requests)), largest, budget
