"""One question with its right answer, and what a judge needs to know about it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Turn:
    """A question, a right reply, and the truth that judges any reply (see `judging`).

    `before` are messages that come first (a system prompt, earlier turns, a tool's result). An
    empty question asks nothing more after them. `task` is what the tables in `samples` call it.
    """

    question: str
    reply: str
    truth: dict
    before: tuple[dict, ...] = ()
    tools: tuple[dict, ...] = ()
    task: str = ""


def listed(text: str, between: str = " ") -> list[str]:
    return text.split(between)


def to_json(value: object) -> str:
    """Compact JSON, because each character costs the model a token; 4.8 is 4.80, as printed."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return re.sub(r"(\d+\.\d)(?=[,}\]])", r"\g<1>0", text)


def join_words(words: Sequence[str], last: str = "and") -> str:
    """a; a and b; a, b and c."""
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else words[0]


def with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def say(rng: Random, short: bool, brief: str, *forms: str) -> str:
    """`brief` where one word is wished for, else one of `forms` (or `brief` as a sentence)."""
    if short:
        return capital(brief)
    return rng.choice((*forms, capital(brief) + "."))


def to_tool_json(value: object) -> str:
    """JSON as the chat template's `tojson` writes it."""
    return json.dumps(value, ensure_ascii=False)


def write_tool_call(name: str, arguments: str) -> str:
    """A call as the chat template writes it; `arguments` are JSON."""
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


def write_signature(tool: dict) -> str:
    """A tool as the chat template lists it: what it does, then its name and arguments."""
    parameters = tool.get("parameters") or {}
    wanted = parameters.get("required")
    arguments = []
    for name, schema in (parameters.get("properties") or {}).items():
        mark = "?" if wanted and name not in wanted else ""
        told = f" ({schema['description']})" if schema.get("description") else ""
        arguments.append(f"{name}{mark}: {_write_type(schema)}{told}")
    told = f"// {tool['description']}\n" if tool.get("description") else ""
    return f"{told}{tool['name']}({', '.join(arguments)})"


def _write_type(schema: dict) -> str:
    if "enum" in schema:
        return " | ".join(map(to_tool_json, schema["enum"]))
    kind = schema.get("type")
    if isinstance(kind, str) and kind not in ("object", "array"):
        return kind
    return to_tool_json(schema)
