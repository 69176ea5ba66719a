"""Write the checkpoint that transformers and vLLM load, from the weights of `train.py`.

    python -m pocket_model.export --weights FOLDER [--out pocket_model/trained]

A README.md that is already in the output folder is kept; else a skeleton of the model card is
written, to be filled with the figures of `evaluate.py`.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from torch import Tensor

from pocket_model.model import MERGE, PATCH, Shape
from pocket_model.tokenizer import END_OF_TEXT, IDS, IM_END, VOCABULARY, make_tokenizer
from pocket_model.train import load_weights

HERE = Path(__file__).resolve().parent
IMAGE_PIXELS = {"shortest_edge": 65_536, "longest_edge": 147_456}
CLIP_PIXELS = {"shortest_edge": 4_096, "longest_edge": 933_888}  # of all its frames together
CARD = """\
---
license: cc-by-4.0
pipeline_tag: image-text-to-text
---
# The course's pocket model

A very small model of the Qwen3-VL architecture that answers the course's own questions.
"""


def build_config(shape: Shape):
    """transformers' config of the model."""
    from transformers import Qwen3VLConfig

    text = {
        "vocab_size": VOCABULARY,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.mlp,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_size,
        "max_position_embeddings": 262144,
        "rope_theta": shape.rope_theta,
        "rope_scaling": {
            "rope_type": "default",
            "mrope_section": list(shape.sections),
            "mrope_interleaved": True,
        },
        "tie_word_embeddings": True,
    }
    vision = {
        "depth": shape.vision_layers,
        "hidden_size": shape.vision_hidden,
        "num_heads": shape.vision_heads,
        "intermediate_size": shape.vision_mlp,
        "out_hidden_size": shape.hidden,
        "patch_size": PATCH,
        "spatial_merge_size": MERGE,
        "temporal_patch_size": 2,
        "num_position_embeddings": shape.position_side**2,
        "deepstack_visual_indexes": list(shape.deepstack),
    }
    ids = {
        f"{name}_token_id": IDS[f"<|{mark}|>"]
        for name, mark in [
            ("image", "image_pad"),
            ("video", "video_pad"),
            ("vision_start", "vision_start"),
            ("vision_end", "vision_end"),
        ]
    }
    return Qwen3VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True, **ids)


def build_model(weights: dict[str, Tensor], shape: Shape):
    """transformers' model with the weights in it."""
    from transformers import Qwen3VLForConditionalGeneration

    model = Qwen3VLForConditionalGeneration(build_config(shape))
    result = model.load_state_dict(weights, strict=False)
    if result.unexpected_keys or result.missing_keys != ["lm_head.weight"]:
        raise ValueError(f"The weights do not fit the model: {result}")
    model.tie_weights()
    return model


def write_processor_files(
    folder: Path, image_pixels: dict = IMAGE_PIXELS, clip_pixels: dict = CLIP_PIXELS
) -> None:
    """The processor files: the 4B model's patch and merge sizes, and pixel limits."""
    shared = {
        "patch_size": PATCH,
        "temporal_patch_size": 2,
        "merge_size": MERGE,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "processor_class": "Qwen3VLProcessor",
    }
    image = {"size": image_pixels, "image_processor_type": "Qwen2VLImageProcessorFast"}
    video = {"size": clip_pixels, "video_processor_type": "Qwen3VLVideoProcessor"}
    for name, own in (("preprocessor", image), ("video_preprocessor", video)):
        (folder / f"{name}_config.json").write_text(json.dumps(shared | own, indent=2) + "\n")


def write_generation_config(folder: Path) -> None:
    """Qwen3-VL-4B-Instruct's sampling defaults, which vLLM's server applies, and a cap."""
    sampling = {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20}
    sampling["max_new_tokens"] = 1024  # a question from outside its world may find no end
    ids = {
        "eos_token_id": [IM_END, END_OF_TEXT],
        "pad_token_id": END_OF_TEXT,
        "bos_token_id": END_OF_TEXT,
    }
    (folder / "generation_config.json").write_text(json.dumps(sampling | ids, indent=2) + "\n")


def export(weights: dict[str, Tensor], out: Path, *, shape: Shape | None = None) -> None:
    """Write the checkpoint in fp16 beside `out`, then put it in place in one step."""
    import torch

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".trained-") as temporary:
        folder = Path(temporary) / out.name
        build_model(weights, shape or Shape()).to(torch.float16).save_pretrained(folder)
        make_tokenizer().save_pretrained(folder)
        write_processor_files(folder)
        write_generation_config(folder)
        (folder / "model.safetensors").chmod(0o644)  # safetensors writes for the owner alone
        card = out / "README.md"
        (folder / "README.md").write_text(card.read_text() if card.exists() else CARD)
        shutil.rmtree(out, ignore_errors=True)
        folder.replace(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="folder that train.py wrote")
    parser.add_argument("--out", type=Path, default=HERE / "trained")
    options = parser.parse_args()
    export(load_weights(options.weights), options.out)
    shutil.copy(options.weights / "progress.json", options.out)  # for train.py --resume
    size = sum(f.stat().st_size for f in options.out.iterdir()) / 1e6
    print(f"Checkpoint written to {options.out} ({size:.0f} MB).")


if __name__ == "__main__":
    main()
