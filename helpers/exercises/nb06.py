"""Checks for the exercises of notebook 06, Reason over video offline."""

import contextlib
import io
import re
import warnings
from numbers import Integral, Real
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit
from urllib.request import url2pathname

from helpers.errors import CourseError
from helpers.exercises import BLANK, ODD_VALUE, Verdict, is_blank, right, show, wrong
from helpers.exercises.commands import list_engine_arguments
from helpers.memory import QWEN3_VL_4B, UNPLANNED, Plan, make_card, plan_memory, read_settings
from helpers.places import GIB, MEDIA

# Exercise 1: one RTX 5090 of 31.84 GiB by nvidia-smi, and what `LLM` takes on such a card unless
# it is told (vLLM 0.11.0; a server has smaller batches).
CARD = make_card("RTX 5090", 31.84)
OFFLINE = {"max_num_batched_tokens": 8192, "max_num_seqs": 256}
NEEDED = 2_090 + 1_000
WHOLE = 262_144
KINDS = {
    "int": (Integral, "a whole number"),
    "float": (Real, "a number"),
    "bool": (Real, "True or False"),
}
SPOILT = {
    ("load_format", "dummy"): "fills the model with random numbers: it starts and writes nonsense",
    ("skip_tokenizer_init", True): "leaves out the tokenizer, which the question needs",
    ("language_model_only", True): "refuses clips, and the request is one",
    ("runner", "pooling"): "makes an engine that writes no text",
}

# Exercise 2
CLIP = MEDIA / "traffic_light.mp4"
CLIP_SECONDS = 8.0
MIN_FRAMES = 8
MAX_TOKENS = 1_000


def check_engine(answer: object) -> Verdict:
    """Exercise 1: keyword arguments with which `LLM` starts on one RTX 5090 and is safe."""
    if is_blank(answer):
        return BLANK
    if not isinstance(answer, dict) or not all(isinstance(name, str) for name in answer):
        return wrong("`answer` is to be a dictionary such as {'seed': 0}, names as text.")
    if fault := _find_name_fault(answer) or _find_value_fault(answer):
        return wrong(fault)
    planned = {name: value for name, value in answer.items() if name not in UNPLANNED}
    try:
        plan = plan_memory(QWEN3_VL_4B, read_settings(OFFLINE | planned), card=CARD)
    except (CourseError, *ODD_VALUE) as error:
        return wrong(str(error))
    if fault := _find_plan_fault(plan):
        return wrong(fault)
    return right(
        f"It starts: {plan.start.length:,} tokens at most need "
        f"{plan.start.request_bytes / GIB:.2f} GiB of KV cache, and the request fits."
    )


def _find_name_fault(answer: dict) -> str:
    if "model" in answer:
        return "Leave the model out: LLM(model=…, **answer) names it already."
    for name in sorted(set(answer) - (list_engine_arguments().keys() or set(answer))):
        if "-" in name:
            return f"{name!r} is the server's spelling: in Python it is {_spell(name)!r}."
        return f"LLM has no argument {name!r}: look at how it is spelled."
    return ""


def _spell(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")


def _find_value_fault(answer: dict) -> str:
    """What is wrong with single values, the length, the share and the media first."""
    length, share = answer.get("max_model_len"), answer.get("gpu_memory_utilization", 0.9)
    limits = answer.get("limit_mm_per_prompt")
    if length is None:
        return (
            f"max_model_len is missing, so it is {WHOLE:,} tokens, and vLLM wants "
            f"{WHOLE * QWEN3_VL_4B.token_bytes(2) / GIB:.0f} GiB of KV cache to start."
        )
    if isinstance(length, bool) or not isinstance(length, int):
        return f"max_model_len is to be a whole number of tokens, not {show(length)}."
    if length < NEEDED:
        return (
            f"max_model_len={show(length)} is too short: prompt and reply together are {NEEDED:,} "
            "tokens."
        )
    if isinstance(share, bool) or not isinstance(share, int | float):
        return f"gpu_memory_utilization is to be a number between 0 and 1, not {show(share)}."
    if not 0 < share <= 1:
        return (
            "gpu_memory_utilization is a share of the card, above 0 and at most 1, not "
            f"{show(share)}."
        )
    if limits is not None and not isinstance(limits, dict):
        return f"limit_mm_per_prompt is to be a dictionary, not {show(limits)}."
    return _find_needless(answer)


def _find_needless(answer: dict) -> str:
    for name in ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size"):
        if show(answer.get(name, 1)) not in ("1", "None"):
            return f"{name}={show(answer[name])}: there is one card, so it is 1, or left out."
    if show(answer.get("trust_remote_code")) not in ("None", "False", "0"):
        return "trust_remote_code lets code from the model's folder run, and nothing here needs it."
    for (name, value), harm in SPOILT.items():
        if show(answer.get(name)) == show(value):
            return f"{name}={value!r} {harm}."
    return _find_unplanned(answer) or _find_wrong_kind(answer)


def _find_unplanned(answer: dict) -> str:
    for name, default in UNPLANNED.items():
        if show(answer.get(name)) not in (show(default), "None", "{}", "0.0"):
            return (
                f"This check cannot judge {name}: the memory depends on it, and the course's "
                "planner does not know how. Your engine may well start; here leave it out."
            )
    return ""


def _find_wrong_kind(answer: dict) -> str:
    """The first argument that is to be a number or a bool and is none; '' where all are right."""
    for name, annotation in list_engine_arguments().items():
        wanted = set(re.findall(r"\w+", annotation)) - {"Optional", "Union", "None"}
        value = answer.get(name)
        if value is None or not wanted or not wanted <= KINDS.keys():
            continue
        fits = any(isinstance(value, KINDS[kind][0]) for kind in wanted)
        if not fits or (isinstance(value, bool) and "bool" not in wanted):
            kinds = " or ".join(KINDS[kind][1] for kind in sorted(wanted))
            return f"{name} is to be {kinds}, not {show(value)}."
    return ""


def _find_plan_fault(plan: Plan) -> str:
    """Why the start fails, refuses the clip, or leaves others too little of the card; else ''."""
    if plan.start.settings.limit_mm_per_prompt.get("video", 1) < 1:
        return "limit_mm_per_prompt refuses clips, and the request is one."
    share = plan.start.settings.gpu_memory_utilization
    left = (1 - share) * plan.start.total
    if left < plan.beside + GIB / 2:
        return (
            f"gpu_memory_utilization={share} leaves {left / GIB:.2f} GiB of the card for what vLLM "
            "takes beside its share (CUDA graphs, notebook 08), the desktop and everybody else: "
            "0.9 is plenty."
        )
    return f"It does not start: {plan.reason}" if plan.shortage else ""


def check_clip_messages(answer: object) -> Verdict:
    """Exercise 2: messages whose clip gives 8 frames or more for 1,000 visual tokens or fewer."""
    if is_blank(answer):
        return BLANK
    try:
        part = _find_clip_part(answer)
        frames, metadata = _read_clip(answer)
    except ValueError as error:
        return wrong(str(error))
    count, _, height, width = frames.shape
    tokens = -(-count // 2) * (height // 32) * (width // 32)
    seconds = [float(index) / metadata["fps"] for index in metadata["frames_indices"]]
    cut_first = metadata["video_backend"] == "torchvision"  # its indices count from video_start
    offset = float(part.get("video_start") or 0) if cut_first else 0.0
    if count < MIN_FRAMES:
        return wrong(f"Only {count} frames are taken; at least {MIN_FRAMES} are wanted.")
    if offset + seconds[0] > 0.6 or offset + seconds[-1] < CLIP_SECONDS - 1.1:
        return wrong(
            f"The frames go from {offset + seconds[0]:.1f} to {offset + seconds[-1]:.1f} s; the "
            f"whole clip of {CLIP_SECONDS:.0f} s is wanted."
        )
    if tokens > MAX_TOKENS:
        return wrong(
            f"{count} frames of {width}×{height} px cost {tokens:,} visual tokens, more than "
            f"{MAX_TOKENS:,}: take fewer frames (fps, nframes) or smaller ones (max_pixels)."
        )
    return right(f"{count} frames of {width}×{height} px for {tokens:,} visual tokens.")


def _find_clip_part(answer: object) -> dict:
    """The one clip part of the messages; raises ValueError with what is wrong."""
    if not isinstance(answer, list | tuple) or not all(isinstance(one, dict) for one in answer):
        raise ValueError("`answer` is to be a list of messages, each a dictionary.")
    if any(isinstance(one.get("content"), tuple) for one in answer):
        raise ValueError(
            'A "content" is a tuple: process_vision_info looks into lists alone and would miss '
            "the clip, so write square brackets."
        )
    contents = [one.get("content") for one in answer if one.get("role") == "user"]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    parts = [part for part in parts if isinstance(part, dict)]
    if any("video_url" in part for part in parts):
        raise ValueError(
            'video_url is for the server and llm.chat; here it is {"type": "video", "video": PATH}.'
        )
    clips = [part for part in parts if "video" in part]
    if len(clips) != 1:
        raise ValueError(f"The messages hold {len(clips)} clips; one clip part is wanted.")
    if not _has_question(contents):
        raise ValueError('The question is missing: add {"type": "text", "text": …}.')
    if "fps" in clips[0] and "nframes" in clips[0]:
        raise ValueError("process_vision_info takes fps or nframes, not both: leave one out.")
    _check_clip_path(clips[0]["video"])
    return clips[0]


def _has_question(contents: list) -> bool:
    texts = [content for content in contents if isinstance(content, str)]
    for content in contents:
        if isinstance(content, list):
            texts += [part.get("text") for part in content if isinstance(part, dict)]
    return any(isinstance(text, str) and re.search(r"[^\W\d_]", text) for text in texts)


def _check_clip_path(video: object) -> None:
    if isinstance(video, list | tuple):
        raise ValueError("Give the file's path: lists of frames are rounded to 64 px in 0.0.14.")
    if not isinstance(video, str):
        raise ValueError(
            f"The path is to be a text: str(MEDIA / {CLIP.name!r}), not {show(video)}."
        )
    path = Path(url2pathname(urlsplit(video).path) if video.startswith("file://") else video)
    try:
        is_ours = path.samefile(CLIP)
    except OSError:
        missing = f"There is no file {show(video)}: use str(MEDIA / {CLIP.name!r})."
        raise ValueError(missing) from None
    if not is_ours:
        raise ValueError(f"The clip is {path.name}; {CLIP.name} is wanted.")


def _read_clip(answer: list | tuple) -> tuple:
    """What `process_vision_info` makes of the messages: (frames, metadata) of the clip."""
    try:
        from qwen_vl_utils import process_vision_info
    except ImportError:
        raise ValueError("qwen_vl_utils is not here: the remote place has no engine.") from None
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")  # torchvision announces the end of its decoder
            _, videos, _ = process_vision_info(answer, True, True, image_patch_size=16)
    except Exception as error:
        if "greater than or equal to min_pixels" in str(error):
            raise ValueError(
                "max_pixels is below min_pixels, which is 128 * 32 * 32 unless you say: lower "
                "min_pixels too."
            ) from error
        raise ValueError(
            f"process_vision_info stops with {type(error).__name__}: {error}"
        ) from error
    return videos[0]


# Exercise 3: (why, text, tokens, finish_reason)
OUTPUTS = (
    ("it ends in the middle of a word", "A blue car waits at the li", 16, "length"),
    ("it was cut, though right behind a full stop", "The light is red.", 128, "length"),
    ("the model stopped by itself, without a full stop", "It drives off", 4, "stop"),
    ("the model stopped by itself, at exactly 128 tokens", "It drives off.", 128, "stop"),
    ("the model stopped at once and wrote nothing", "", 1, "stop"),
)


def check_is_cut(answer: object) -> Verdict:
    """Exercise 3: a function that says whether an output of `generate` was cut off."""
    if is_blank(answer):
        return BLANK
    if not callable(answer):
        return wrong("`answer` is to be a function that takes one output of generate.")
    for why, text, tokens, reason in OUTPUTS:
        try:
            verdict = bool(answer(_make_output(text, tokens, reason)))
        except (Exception, SystemExit) as error:
            return wrong(
                f"Your function stops with {type(error).__name__}: {error}. It is given what "
                "generate returns; the reply is in output.outputs[0]."
            )
        if verdict != (reason == "length"):
            said = "cut" if verdict else "finished"
            return wrong(f"Your function calls this reply {said}, but {why}: {text!r}")
    return right(f"All {len(OUTPUTS)} outputs are judged rightly, and by what the engine says.")


def _make_output(text: str, tokens: int, reason: str) -> SimpleNamespace:
    """An output with the fields that vLLM 0.11's RequestOutput has and a function may read."""
    completion = SimpleNamespace(
        index=0,
        text=text,
        token_ids=list(range(tokens)),
        cumulative_logprob=None,
        logprobs=None,
        finish_reason=reason,
        stop_reason=None,
        finished=lambda: True,
    )
    return SimpleNamespace(
        request_id="0",
        prompt="…",
        prompt_token_ids=list(range(2090)),
        outputs=[completion],
        finished=True,
        metrics=None,
        num_cached_tokens=0,
    )
