"""The shapes of a Qwen3-VL model, read from its config.json, and what follows from them.

Everything here is counting: parameters, bytes of weights, bytes that one token of context
takes in the KV cache. Nothing needs the weights.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.errors import CourseError

FAMILY = "qwen3_vl"
HUB_NAME = " A hub name is no folder: notebook 01 downloads the model and says where it is."
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "fp8": 1}


class ShapesError(CourseError):
    """The config is missing, broken, or of a model that the planner does not know."""


@dataclass(frozen=True)
class Shapes:
    """The numbers of a dense Qwen3-VL; fields of the vision tower begin with `vision_`.

    `quantization` is "fp8" for a checkpoint with FP8 weights, and `keeps_vision` says that its
    vision tower was left in 16 bits.
    """

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocabulary: int
    longest: int
    tied: bool
    dtype: str
    vision_depth: int
    vision_hidden: int
    vision_ffn: int
    vision_positions: int
    vision_patch: int
    vision_out: int
    deepstack: int
    quantization: str = ""
    keeps_vision: bool = False

    @property
    def language_matrices(self) -> int:
        """Parameters of the matrices in the language layers, which FP8 halves."""
        attention = 2 * (self.heads + self.kv_heads) * self.head_dim * self.hidden
        return self.layers * (attention + 3 * self.hidden * self.ffn)

    @property
    def vision_matrices(self) -> int:
        """Parameters of the matrices in the vision tower; the mergers work on 2×2 patches."""
        block = 4 * self.vision_hidden**2 + 2 * self.vision_hidden * self.vision_ffn
        wide = 4 * self.vision_hidden
        mergers = (1 + self.deepstack) * (wide * wide + wide * self.vision_out)
        return self.vision_depth * block + mergers

    @property
    def others(self) -> int:
        """What stays in 16 bits: embeddings, the patch filter, norms and biases."""
        words = self.vocabulary * self.hidden * (1 if self.tied else 2)
        language = self.layers * 2 * (self.hidden + self.head_dim) + self.hidden
        return words + language + self.vision_others

    @property
    def vision_others(self) -> int:
        """What stays in 16 bits of the vision tower."""
        pixels = 3 * 2 * self.vision_patch**2  # colours × two frames × a patch
        vision = self.vision_hidden * (pixels + 1 + self.vision_positions)
        vision += self.vision_depth * (9 * self.vision_hidden + self.vision_ffn)
        wide = 4 * self.vision_hidden
        mergers = (1 + self.deepstack) * (wide + self.vision_out)  # biases
        norms = 2 * self.vision_hidden + self.deepstack * 2 * wide
        return vision + mergers + norms

    @property
    def parameters(self) -> int:
        """All parameters: 4,437,815,808 for Qwen3-VL-4B."""
        return self.language_matrices + self.vision_matrices + self.others

    def weight_bytes(self, dtype: str, quantization: str = "") -> int:
        """Bytes of the weights in `dtype`; with "fp8" the matrices take one byte a number."""
        number = BYTES[dtype]
        language = 1 if (quantization or self.quantization) == "fp8" else number
        words = self.others - self.vision_others
        tower = self.vision_bytes(dtype, quantization)
        return self.language_matrices * language + words * number + tower

    def vision_bytes(self, dtype: str, quantization: str = "") -> int:
        """Those of the vision tower alone."""
        fp8 = (quantization or self.quantization) == "fp8" and not self.keeps_vision
        return (
            self.vision_matrices * (1 if fp8 else BYTES[dtype]) + self.vision_others * BYTES[dtype]
        )

    def token_bytes(self, number: int) -> int:
        """Bytes of one token in the KV cache, a key and a value in every layer.

        `number` is the bytes of one number: 2 for bfloat16, 1 for FP8.
        """
        return 2 * self.layers * self.kv_heads * self.head_dim * number


# Qwen's public config.json of Qwen3-VL-4B-Instruct, so that planning needs no download.
QWEN3_VL_4B = Shapes(
    hidden=2560,
    layers=36,
    heads=32,
    kv_heads=8,
    head_dim=128,
    ffn=9728,
    vocabulary=151_936,
    longest=262_144,
    tied=True,
    dtype="bfloat16",
    vision_depth=24,
    vision_hidden=1024,
    vision_ffn=4096,
    vision_positions=2304,
    vision_patch=16,
    vision_out=2560,
    deepstack=3,
)


def read_shapes(model: Path | str | Mapping[str, Any]) -> Shapes:
    """The shapes from a model's folder, its config.json, or that file's content.

    Raises `ShapesError` for another family, another quantization, or a config with holes.
    """
    config = model if isinstance(model, Mapping) else _load(Path(model))
    family = config.get("model_type", "no model_type")
    if family != FAMILY:
        raise ShapesError(
            f"The planner knows the dense Qwen3-VL models (model_type {FAMILY}); this config "
            f"says {family}."
        )
    try:
        shapes = _read(config, config["text_config"], config["vision_config"])
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ShapesError(f"The config is not a whole one of Qwen3-VL: {error!r}.") from None
    _check_counts(shapes)
    return shapes


def _check_counts(shapes: Shapes) -> None:
    for name, number in vars(shapes).items():
        if type(number) is int and number < (0 if name == "deepstack" else 1):
            raise ShapesError(f"The config is not a whole one of Qwen3-VL: {name} is {number}.")


def _load(path: Path) -> Mapping[str, Any]:
    path = path.expanduser() if path.parts[:1] == ("~",) else path
    file = path / "config.json" if path.is_dir() else path
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        raise ShapesError(
            f"There is no {file}. `helpers.memory.QWEN3_VL_4B` plans without the model's folder."
            + (HUB_NAME if file == path and path.parts[:1] == ("Qwen",) else "")
        ) from None
    except ValueError:
        raise ShapesError(f"{file} is no JSON: download the model's config again.") from None
    if not isinstance(config, dict):
        raise ShapesError(f"{file} holds no config, but a {type(config).__name__}.")
    return config


def _read(config: Mapping, text: Mapping, vision: Mapping) -> Shapes:
    quantization, keeps_vision = _read_quantization(config.get("quantization_config"))
    dtype = config.get("dtype") or text.get("dtype") or config.get("torch_dtype")
    if not dtype:
        raise ShapesError("The config is not a whole one of Qwen3-VL: it names no dtype.")
    tied = text.get("tie_word_embeddings", config.get("tie_word_embeddings", False))
    return Shapes(
        hidden=int(text["hidden_size"]),
        layers=int(text["num_hidden_layers"]),
        heads=int(text["num_attention_heads"]),
        kv_heads=int(text["num_key_value_heads"]),
        head_dim=int(text.get("head_dim") or text["hidden_size"] // text["num_attention_heads"]),
        ffn=int(text["intermediate_size"]),
        vocabulary=int(text["vocab_size"]),
        longest=int(text["max_position_embeddings"]),
        tied=bool(tied),
        dtype=str(dtype),
        vision_depth=int(vision["depth"]),
        vision_hidden=int(vision["hidden_size"]),
        vision_ffn=int(vision["intermediate_size"]),
        vision_positions=int(vision["num_position_embeddings"]),
        vision_patch=int(vision["patch_size"]),
        vision_out=int(vision["out_hidden_size"]),
        deepstack=len(vision["deepstack_visual_indexes"]),
        quantization=quantization,
        keeps_vision=keeps_vision,
    )


def _read_quantization(settings: Mapping | None) -> tuple[str, bool]:
    """("fp8", whether the vision tower is left out), or ("", False) without quantization."""
    if not settings:
        return "", False
    method = settings.get("quant_method", "an unnamed method")
    if method != "fp8":
        raise ShapesError(
            f"The weights are quantized with {method}; the planner knows bf16 and FP8 weights."
        )
    left_out = settings.get("modules_to_not_convert") or settings.get("ignored_layers") or []
    keeps = any("visual.blocks" in name or name.endswith("visual") for name in left_out)
    return "fp8", keeps
