"""The pocket model for training: Qwen3-VL's forward pass over batches of equal shapes.

Parameter names are those of transformers' `Qwen3VLForConditionalGeneration`, so that the
weights load there and in vLLM as they are. Everything runs without a loop over pictures and
without a wait for the GPU, so that one CUDA graph can hold the forward and backward pass of a
batch shape. The arithmetic runs in the type of the weights.

Formulas: transformers 4.57.1, models/qwen3_vl/modeling_qwen3_vl.py.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pocket_model.tokenizer import VOCABULARY

PATCH = 16  # px, side of a patch
MERGE = 2  # patches a side that become one visual token
EPS = 1e-6


@dataclass(frozen=True)
class Shape:
    """The sizes of the model. Head size and rotary sections are fixed: 64 and (12, 10, 10)."""

    hidden: int = 256
    layers: int = 8
    mlp: int = 768
    heads: int = 4
    kv_heads: int = 2
    vision_hidden: int = 192
    vision_layers: int = 6
    vision_mlp: int = 576
    position_side: int = 16
    deepstack: tuple[int, ...] = (1, 2, 4)
    head_size: int = 64
    rope_theta: float = 10_000.0
    sections: tuple[int, int, int] = (12, 10, 10)

    @property
    def vision_heads(self) -> int:
        return self.vision_hidden // self.head_size


class RMSNorm(nn.Module):
    """Root-mean-square norm over the last dimension."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight, EPS)


def apply_together(layers: tuple[nn.Linear, ...], x: Tensor) -> Tensor:
    """The outputs of layers without bias, joined: one product is faster than several."""
    return F.linear(x, torch.cat([layer.weight for layer in layers]))


def rotate(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary embedding; `turns` are cosine and signed sine from `make_turns`."""
    cosine, sine = turns
    return torch.addcmul(x * cosine, x.roll(x.shape[-1] // 2, -1), sine)


def make_turns(angles: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of half a head's angles, for the whole head.

    The sine of the first half carries the minus of `rotate_half`, so that `roll` can do the rest.
    """
    cosine, sine = angles.cos(), angles.sin()
    return torch.cat([cosine, cosine], -1), torch.cat([-sine, sine], -1)


class VisionAttention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.vision_heads
        self.qkv = nn.Linear(shape.vision_hidden, 3 * shape.vision_hidden)
        self.proj = nn.Linear(shape.vision_hidden, shape.vision_hidden)

    def forward(self, x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        batch, patches, hidden = x.shape
        q, k, v = self.qkv(x).view(batch, patches, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(rotate(q, turns), rotate(k, turns), v)
        return self.proj(seen.transpose(1, 2).reshape(batch, patches, hidden))


class VisionMLP(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.linear_fc1 = nn.Linear(shape.vision_hidden, shape.vision_mlp)
        self.linear_fc2 = nn.Linear(shape.vision_mlp, shape.vision_hidden)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear_fc2(F.gelu(self.linear_fc1(x), approximate="tanh"))


class VisionBlock(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(shape.vision_hidden, eps=EPS)
        self.norm2 = nn.LayerNorm(shape.vision_hidden, eps=EPS)
        self.attn = VisionAttention(shape)
        self.mlp = VisionMLP(shape)

    def forward(self, x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self.attn(self.norm1(x), turns)
        return x + self.mlp(self.norm2(x))


class Merger(nn.Module):
    """Four patches to one visual token; deepstack's mergers norm after joining them."""

    def __init__(self, shape: Shape, *, joined_norm: bool) -> None:
        super().__init__()
        self.joined = shape.vision_hidden * MERGE**2
        self.joined_norm = joined_norm
        self.norm = nn.LayerNorm(self.joined if joined_norm else shape.vision_hidden, eps=EPS)
        self.linear_fc1 = nn.Linear(self.joined, self.joined)
        self.linear_fc2 = nn.Linear(self.joined, shape.hidden)

    def forward(self, x: Tensor) -> Tensor:
        joined = (x.shape[0], -1, self.joined)
        x = self.norm(x.reshape(joined)) if self.joined_norm else self.norm(x).reshape(joined)
        return self.linear_fc2(F.gelu(self.linear_fc1(x)))


class PatchEmbed(nn.Module):
    """Patches of 2 frames × 16 × 16 px, flat as (colour, frame, row, column), to vectors."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        size = (2, PATCH, PATCH)
        self.proj = nn.Conv3d(3, shape.vision_hidden, size, size)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.proj.weight.flatten(1), self.proj.bias)


class Visual(nn.Module):
    """The vision tower. What depends on the picture's size alone is computed once for each."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.patch_embed = PatchEmbed(shape)
        self.pos_embed = nn.Embedding(shape.position_side**2, shape.vision_hidden)
        self.blocks = nn.ModuleList(VisionBlock(shape) for _ in range(shape.vision_layers))
        self.merger = Merger(shape, joined_norm=False)
        self.deepstack_merger_list = nn.ModuleList(
            Merger(shape, joined_norm=True) for _ in shape.deepstack
        )
        self.cut_patches = cut_patches
        self.places: dict[tuple[int, int], tuple[Tensor, Tensor, Tensor]] = {}

    def forward(self, frames: Tensor, noise: float) -> list[Tensor]:
        """uint8 frames (N, 2, height, width, 3) to [tokens, *deepstack], each (N, tokens, hidden).

        `noise` adds Gaussian pixel noise of up to this strength (of a range of -1 to 1).
        """
        rows, columns = frames.shape[2] // PATCH, frames.shape[3] // PATCH
        compute = self.pos_embed.weight.dtype
        x = self.cut_patches(frames, compute, noise)
        mixing, *turns = self._places(rows, columns, x.device)
        x = self.patch_embed(x) + (mixing @ self.pos_embed.weight.float()).to(compute)
        turns = tuple(t.to(compute) for t in turns)
        found = []
        for i, block in enumerate(self.blocks):
            x = block(x, turns)
            if i in self.shape.deepstack:
                found.append(self.deepstack_merger_list[len(found)](x))
        return [self.merger(x), *found]

    def _places(self, rows: int, columns: int, device) -> tuple[Tensor, Tensor, Tensor]:
        if (rows, columns) not in self.places:
            order = _merge_order(rows, columns)
            mixing = _position_mixing(rows, columns, self.shape.position_side)[order]
            quarter = self.shape.head_size // 4
            speeds = 10_000.0 ** (-torch.arange(quarter) / quarter)
            row, column = order // columns, order % columns
            angles = torch.cat([row[:, None] * speeds, column[:, None] * speeds], -1)
            made = (mixing, *make_turns(angles))
            self.places[rows, columns] = tuple(t.to(device) for t in made)
        return self.places[rows, columns]


def cut_patches(frames: Tensor, compute: torch.dtype, noise: float) -> Tensor:
    """(N, 2, height, width, 3) to (N, patches in merge order, values of a patch in -1 to 1)."""
    n, _, height, width, _ = frames.shape
    down, right = height // (PATCH * MERGE), width // (PATCH * MERGE)
    cut = frames.view(n, 2, down, MERGE, PATCH, right, MERGE, PATCH, 3)
    cut = cut.permute(0, 2, 5, 3, 6, 8, 1, 4, 7)
    x = cut.reshape(n, down * right * MERGE**2, -1).to(compute) / 127.5 - 1
    if noise:
        strength = noise * torch.rand(n, 1, 1, device=x.device, dtype=compute)
        x = x + torch.randn_like(x) * strength
    return x


def _merge_order(rows: int, columns: int) -> Tensor:
    """Patch numbers (row-major) in the order in which the merger takes them, four by four."""
    grid = torch.arange(rows * columns).view(rows // MERGE, MERGE, columns // MERGE, MERGE)
    return grid.permute(0, 2, 1, 3).reshape(-1)


def _position_mixing(rows: int, columns: int, side: int) -> Tensor:
    """Bilinear weights (patches, side²) of the learnt position grid, as a matrix."""

    def along(count: int) -> Tensor:
        at = torch.linspace(0, side - 1, count)
        low = at.int().long()
        high = (low + 1).clip(max=side - 1)
        part = (at - low)[:, None]
        return (1 - part) * F.one_hot(low, side) + part * F.one_hot(high, side)

    return torch.einsum("ra,cb->rcab", along(rows), along(columns)).reshape(rows * columns, -1)


class TextAttention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.size = shape.head_size
        self.q_proj = nn.Linear(shape.hidden, shape.heads * self.size, bias=False)
        self.k_proj = nn.Linear(shape.hidden, shape.kv_heads * self.size, bias=False)
        self.v_proj = nn.Linear(shape.hidden, shape.kv_heads * self.size, bias=False)
        self.o_proj = nn.Linear(shape.heads * self.size, shape.hidden, bias=False)
        self.q_norm, self.k_norm = RMSNorm(self.size), RMSNorm(self.size)

    def forward(self, x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        batch, length, _ = x.shape
        layers = self.q_proj, self.k_proj, self.v_proj
        joined = apply_together(layers, x).view(batch, length, -1, self.size).transpose(1, 2)
        q, k, v = joined.split([layer.out_features // self.size for layer in layers], 1)
        q, k = rotate(self.q_norm(q), turns), rotate(self.k_norm(k), turns)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.o_proj(seen.transpose(1, 2).reshape(batch, length, -1))


class TextMLP(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden, shape.mlp, bias=False)
        self.up_proj = nn.Linear(shape.hidden, shape.mlp, bias=False)
        self.down_proj = nn.Linear(shape.mlp, shape.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = apply_together((self.gate_proj, self.up_proj), x).chunk(2, -1)
        return self.down_proj(F.silu(gate) * up)


class TextLayer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn = TextAttention(shape)
        self.mlp = TextMLP(shape)
        self.input_layernorm = RMSNorm(shape.hidden)
        self.post_attention_layernorm = RMSNorm(shape.hidden)

    def forward(self, x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), turns)
        return x + self.mlp(self.post_attention_layernorm(x))


class LanguageModel(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(VOCABULARY, shape.hidden)
        self.layers = nn.ModuleList(TextLayer(shape) for _ in range(shape.layers))
        self.norm = RMSNorm(shape.hidden)
        half = shape.head_size // 2
        axis = torch.zeros(half, dtype=torch.long)  # which of (time, row, column) turns a pair
        for number in (1, 2):
            axis[number : shape.sections[number] * 3 : 3] = number
        self.register_buffer("axis", axis, persistent=False)
        speeds = shape.rope_theta ** (-torch.arange(half) / half)
        self.register_buffer("speeds", speeds, persistent=False)
        self.register_buffer("numbers", torch.arange(VOCABULARY), persistent=False)

    def embed(self, ids: Tensor) -> Tensor:
        """Look tokens up by a product with one-hot rows, whose backward is a plain product."""
        weight = self.embed_tokens.weight
        return (ids[..., None] == self.numbers).to(weight.dtype) @ weight

    def turns(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Interleaved M-RoPE of positions (3, batch, length), shaped for all heads."""
        angles = positions[self.axis].permute(1, 2, 0).float() * self.speeds
        compute = self.embed_tokens.weight.dtype
        return tuple(t[:, None].to(compute) for t in make_turns(angles))


class Inner(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.visual = Visual(shape)
        self.language_model = LanguageModel(shape)


class PocketModel(nn.Module):
    """Qwen3-VL, small: `forward` gives the logits of a batch made by `batches.make_batch`."""

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape or Shape()
        self.model = Inner(self.shape)
        self._set_weights()

    def _set_weights(self) -> None:
        """Start small where a layer adds to the residual stream."""
        into_stream = (
            "o_proj.weight",
            "down_proj.weight",
            "attn.proj.weight",
            "mlp.linear_fc2.weight",
        )
        for name, weight in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(weight)
            elif weight.ndim > 1:
                std = 0.02 if "embed" in name else 0.8 * weight[0].numel() ** -0.5
                if name.endswith(into_stream):
                    std /= math.sqrt(2 * self.shape.layers)
                if "deepstack" in name and "fc2" in name:
                    std *= 0.1
                nn.init.normal_(weight, std=std)

    def compile_parts(self) -> None:
        """Fuse the small operations of each block, compiled anew for each shape of batch."""
        torch._dynamo.config.recompile_limit = 64
        visual = self.model.visual
        visual.cut_patches = torch.compile(cut_patches, dynamic=False)
        for block in (*visual.blocks, *self.model.language_model.layers):
            block.compile(dynamic=False)

    def forward(self, batch: dict[str, Tensor], noise: float = 0.0) -> Tensor:
        """Logits (batch, length, VOCABULARY)."""
        words = self.model.language_model
        x = words.embed(batch["ids"])
        seen: list[Tensor] = []
        if "frames" in batch:
            seen = self._see(batch["frames"], noise)
            at = batch["visual_at"][..., None].expand(-1, -1, x.shape[-1])
            x = x.scatter(1, at, seen[0])
        turns = words.turns(batch["positions"])
        for i, layer in enumerate(words.layers):
            x = layer(x, turns)
            if i + 1 < len(seen):
                x = x.scatter_add(1, at, seen[i + 1])
        return F.linear(words.norm(x), words.embed_tokens.weight)

    def _see(self, frames: Tensor, noise: float) -> list[Tensor]:
        """Visual tokens of frames (batch, steps, 1 or 2, height, width, 3): a picture is a step."""
        batch, steps, _, *rest = frames.shape
        frames = frames.expand(batch, steps, 2, *rest).reshape(batch * steps, 2, *rest)
        found = self.model.visual(frames, noise)
        return [t.reshape(batch, -1, t.shape[-1]) for t in found]
