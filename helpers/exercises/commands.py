"""The flags of `vllm serve` in an answer, and which there are in the installed vLLM."""

import ast
import re
import shlex
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from helpers.exercises import show

# Flags whose value may be 8K (8,192) or 8k (8,000), as `human_readable_int` of vLLM reads it.
LENGTHS = {"--max-model-len", "--max-num-batched-tokens"}
MULTIPLES = {"k": 10**3, "m": 10**6, "K": 2**10, "M": 2**20}
FENCE = re.compile(r"^\s*```\w*\s*$", re.MULTILINE)  # around a command copied from Markdown
SWITCHES = ("'store_true'", "BooleanOptionalAction")  # argparse's actions that take no value


@cache
def list_engine_arguments() -> dict[str, str]:
    """The names that `LLM` accepts beside `model`, each with its annotation.

    Read in vLLM's source, as importing it is slow; empty on the remote place, which has none.
    """
    return _list_fields(("EngineArgs",))


@cache
def list_flags() -> dict[str, bool | None]:
    """The flags of `vllm serve`: True if one takes a value, False if none, None if it may."""
    flags: dict[str, bool | None] = {}
    classes = ("EngineArgs", "AsyncEngineArgs", "BaseFrontendArgs", "FrontendArgs")
    for name, annotation in _list_fields(classes).items():
        kinds = set(re.findall(r"\w+", annotation)) - {"Optional", "None"}
        value = None if {"bool", "str"} <= kinds else kinds != {"bool"}
        flags["--" + name.replace("_", "-")] = value
        if value is False:
            flags["--no-" + name.replace("_", "-")] = False
    for names, is_switch in _list_calls():
        flags[names[0]] = False if is_switch else flags.get(names[0], True)
    return flags


@cache
def list_short_flags() -> dict[str, str]:
    """-tp and its like, each with the flag that it stands for."""
    return {short: names[0] for names, _ in _list_calls() for short in names[1:]}


def read_flags(command: object) -> dict[str, str | None]:
    """The flags of a command or a list of words, by their full names; None where no value is.

    `--name value` and `--name=value`, underscores and unambiguous beginnings of names, as vLLM
    takes them. Raises ValueError with what is wrong, a flag that vLLM does not know among it.
    """
    given: dict[str, str | None] = {}
    name = ""
    for word in _split_words(command):
        if re.match(r"--?[a-zA-Z]", word):
            written, equals, value = word.partition("=")
            name = _find_flag(written)
            if name in given:
                raise ValueError(f"{name} is there twice: vLLM takes the last, so keep one.")
            given[name] = value if equals else None
        elif name and given[name] is None:
            given[name] = word
        else:
            raise ValueError(f"{show(word)} belongs to no flag: a flag takes one value.")
    for name, value in given.items():
        takes = list_flags().get(name)
        if takes and value is None:
            raise ValueError(f"{name} has no value: it is to follow as the next word.")
        if takes is False and value is not None:
            raise ValueError(f"{name} takes no value: {show(value)} is one word too many.")
    return given


def read_whole(name: str, text: str | None) -> int | None:
    """A flag's whole number; for a length 8K is 8,192, 8k is 8,000 and 8.192k is 8,192."""
    found = re.fullmatch(r"(\d{1,18})(\.\d+)?([kmKM]?)", (text or "").strip())
    if found is None or (found[3] and name not in LENGTHS):
        return None
    if found[2] and found[3] not in ("k", "m"):
        return None
    return int(float(found[1] + (found[2] or "")) * MULTIPLES.get(found[3], 1))


def _split_words(command: object) -> list[str]:
    """The words behind `vllm serve MODEL`."""
    if isinstance(command, str):
        try:
            words = shlex.split(FENCE.sub("", command).replace("\\\n", " "))
        except ValueError:
            raise ValueError("A quotation mark is open: each needs its partner.") from None
    elif isinstance(command, list | tuple):
        words = [str(word) for word in command]
    else:
        raise ValueError(f'{show(command)} is no list of words such as ["--port", "9000"].')
    glued = [word for word in words if re.match(r"--\S+\s+\S", word) and "=" not in word]
    if glued:
        raise ValueError(f"{show(glued[0])} is one word: a flag and its value are two.")
    if "serve" not in words[1:] or not words[words.index("serve") - 1].endswith("vllm"):
        return words
    words = words[words.index("serve") + 1 :]
    return words if words and words[0].startswith("-") else words[1:]


def _find_flag(written: str) -> str:
    """A flag's full name; as it is written where no vLLM is here to know them."""
    name, dot, key = written.partition(".")
    name = name.replace("_", "-")
    known = list_flags()
    name = list_short_flags().get(name, name)
    if not name.startswith("--"):
        raise ValueError(f"{name} is no flag: its name begins with two hyphens.")
    if known and name not in known:
        meant = [flag for flag in known if flag.startswith(name)]
        if len(meant) != 1:
            why = f"it may be {' or '.join(meant[:3])}" if meant else "look at how it is spelled"
            raise ValueError(f"vllm serve has no flag {name}: {why}.")
        name = meant[0]
    return name + dot + key


@cache
def _parse_sources() -> list[ast.Module]:
    found = find_spec("vllm")
    if found is None:
        return []
    folder = Path(found.origin).parent
    paths = [folder / "engine" / "arg_utils.py", *folder.glob("entrypoints/**/cli_args.py")]
    return [ast.parse(path.read_text(encoding="utf-8")) for path in paths]


def _list_fields(classes: tuple[str, ...]) -> dict[str, str]:
    """The annotated fields of classes in vLLM's sources."""
    nodes = [node for tree in _parse_sources() for node in tree.body]
    bodies = [n.body for n in nodes if isinstance(n, ast.ClassDef) and n.name in classes]
    fields = [field for body in bodies for field in body if isinstance(field, ast.AnnAssign)]
    return {field.target.id: ast.unparse(field.annotation) for field in fields}


@cache
def _list_calls() -> list[tuple[list[str], bool]]:
    """Each `add_argument("--name", "-n", …)`: the names, and whether it takes no value."""
    nodes = [node for tree in _parse_sources() for node in ast.walk(tree)]
    found = []
    for call in nodes:
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "add_argument":
            names = [str(one.value) for one in call.args if isinstance(one, ast.Constant)]
            actions = [ast.unparse(word.value) for word in call.keywords if word.arg == "action"]
            if names and names[0].startswith("--"):
                found.append((names, any(action.endswith(SWITCHES) for action in actions)))
    return found
