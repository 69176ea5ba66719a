"""Write the pocket checkpoint: the Qwen3-VL architecture, small, with untrained weights.

    python -m pocket_model.make_untrained [--out FOLDER]

The weights are random numbers from a fixed seed, so the words of its replies are noise. The
rest is real: the architecture that vLLM serves for Qwen3-VL-4B-Instruct, its patch and merge
sizes, its picture and video limits, and a byte-level tokenizer trained on corpus.txt.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from pocket_model.tokenizer import SPECIAL, TOOL_MARKS, finish_tokenizer

HERE = Path(__file__).resolve().parent
SEED = 20260101
VOCABULARY = 896
PIXEL_NORM = [0.5, 0.5, 0.5]


def train_tokenizer():
    """Train a byte-level BPE on corpus.txt; returns a `Qwen2TokenizerFast`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL) - len(TOOL_MARKS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train([str(HERE / "corpus.txt")], trainer)
    return finish_tokenizer(core)


def build_config(tokenizer):
    """Shape the model: about 1/400 of Qwen3-VL-4B, every part of it there."""
    from transformers import Qwen3VLConfig

    text = {
        "vocab_size": VOCABULARY,
        "hidden_size": 256,
        "intermediate_size": 768,
        "num_hidden_layers": 6,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 64,
        "max_position_embeddings": 262144,
        "rope_theta": 5_000_000,
        "rope_scaling": {
            "rope_type": "default",
            "mrope_section": [12, 10, 10],
            "mrope_interleaved": True,
        },
        "tie_word_embeddings": False,
    }
    vision = {
        "depth": 4,
        "hidden_size": 192,
        "num_heads": 3,
        "intermediate_size": 576,
        "out_hidden_size": 256,
        "patch_size": 16,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "num_position_embeddings": 2304,
        "deepstack_visual_indexes": [0, 1, 2],
    }
    ids = {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{mark}|>")
        for name, mark in [
            ("image", "image_pad"),
            ("video", "video_pad"),
            ("vision_start", "vision_start"),
            ("vision_end", "vision_end"),
        ]
    }
    return Qwen3VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=False, **ids)


def build_model(config, tokenizer):
    """Fill the model with seeded random numbers.

    Three touches keep the noise easy to look at. The output head is not tied to the embedding
    (the 4B model's is), else an untrained model repeats its last token for ever. Tokens that
    the corpus never uses are nearly never drawn, so replies are made of word pieces. And the
    first hidden channel is the same for every token, so that the head's first column acts as
    a bias: it makes `<|im_end|>` likely enough for a reply to end after some 40 tokens.
    """
    import torch
    from transformers import Qwen3VLForConditionalGeneration

    torch.manual_seed(SEED)
    model = Qwen3VLForConditionalGeneration(config)
    generator = torch.Generator().manual_seed(SEED)
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            gain = 1.5 if "language_model.layers" in name else 1.0
            if "o_proj" in name:
                gain = 0.45  # or a picture's hundreds of tokens drown the question
            std = gain * weight[0].numel() ** -0.5
            weight.data.normal_(0, std, generator=generator)
    embedding = model.get_input_embeddings().weight.data
    embedding.normal_(0, 1, generator=generator)[:, 0] = 3.0

    used = set(tokenizer((HERE / "corpus.txt").read_text())["input_ids"])
    im_end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    unused = [i for i in range(VOCABULARY) if i not in used and i != im_end]
    head = model.lm_head.weight.data
    head.normal_(0, 0.11, generator=generator)[:, 0] = 0.0
    head[unused] *= 0.3
    head[unused, 0] = -2.0
    head[im_end, 0] = 2.0
    return model


def write_processor_files(folder: Path) -> None:
    """The processor files: the 4B model's patch, merge and pixel limits."""
    shared = {
        "patch_size": 16,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_mean": PIXEL_NORM,
        "image_std": PIXEL_NORM,
        "processor_class": "Qwen3VLProcessor",
    }
    image = shared | {
        "size": {"shortest_edge": 65_536, "longest_edge": 16_777_216},
        "image_processor_type": "Qwen2VLImageProcessorFast",
    }
    video = shared | {
        "size": {"shortest_edge": 4_096, "longest_edge": 25_165_824},
        "video_processor_type": "Qwen3VLVideoProcessor",
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(image, indent=2))
    (folder / "video_preprocessor_config.json").write_text(json.dumps(video, indent=2))


def write_generation_config(folder: Path, tokenizer) -> None:
    """The sampling defaults of Qwen3-VL-4B-Instruct, which vLLM's server applies, and a cap."""
    im_end, end = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    sampling = {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20}
    sampling["max_new_tokens"] = 512  # noise may find no end; the server caps every reply at this
    ids = {"eos_token_id": [im_end, end], "pad_token_id": end, "bos_token_id": end}
    (folder / "generation_config.json").write_text(json.dumps(sampling | ids, indent=2))


def write_checkpoint(out: Path) -> None:
    """Write everything to a folder beside `out`, then put it in place in one step."""
    import torch

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".checkpoint-") as temporary:
        folder = Path(temporary) / "checkpoint"
        tokenizer = train_tokenizer()
        config = build_config(tokenizer)
        model = build_model(config, tokenizer)
        model.to(torch.float16).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        write_processor_files(folder)
        write_generation_config(folder, tokenizer)
        shutil.rmtree(out, ignore_errors=True)
        folder.replace(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "checkpoint")
    out = parser.parse_args().out
    write_checkpoint(out)
    size = sum(f.stat().st_size for f in out.iterdir()) / 1e6
    print(f"Pocket checkpoint written to {out} ({size:.0f} MB, untrained weights).")


if __name__ == "__main__":
    main()
