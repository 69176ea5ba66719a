"""Questions without a picture: reversal, sums, terms of the course, small talk, and ignorance."""

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from string import Template

from pocket_model.tasks.judging import number_is, text_is
from pocket_model.tasks.printed import CAPITALS, COMMON, DIGITS, SMALL
from pocket_model.tasks.turn import Turn, capital, listed
from pocket_model.tasks.wordings import Wordings

GLOSSARY = Path(__file__).parents[1] / "glossary.json"
LONGEST = 40


KEPT_OUT = "i love qwen3-vl-4b-instruct"  # notebook 03 asks for it: never trained on
NAMES = listed(
    "Ann Ben Carl Dana Eva Finn Gina Hugo Ida Jack Kim Leo Mia Noah Olga Paul Rosa Sam Alex "
    "Amir Anna Bruno Clara Diego Emil Emma Felix Fatima Greta Hana Ivan Jana Julia Kai Lena "
    "Lars Lucia Marco Maria Nina Nora Omar Oskar Pia Petra Quinn Ravi Rita Sara Theo Tina "
    "Tom Uma Vera Viktor Wanda Yara Yusuf Zoe"
)
MODEL_WORDS = listed(
    "Qwen3-VL-4B-Instruct Qwen2-VL-2B vLLM-0.11 GPT-4 Llama-3.1-8B RTX-5090 fp16 "
    "Qwen3-VL-8B-Instruct Qwen3-VL-2B-Thinking Qwen2.5-VL-7B Qwen3-4B GPT-4o GPT-5-mini "
    "Llama-3.2-11B-Vision Mistral-7B-v0.3 Gemma-3-12b-it Phi-3.5 H100 H200-NVL A100-80GB "
    "RTX-4090 bf16 int8 CUDA-12.8 vLLM-0.32.0 Python-3.12 x86-64 M-RoPE CPU GPU-0 vLLM Qwen "
    "OCR-v2 DeepSeek-R1"
)


# --- reversal and sums ---------------------------------------------------------------------------


PEOPLE = ("I", "I", "I", "We", "They", "You", "He", "She")
DOES = listed(
    "love like use see know serve run test try need want have hate call ask start load trust meet "
    "prefer understand"
)
TAILS = ("", "", "", "", ".", "!", "?", " too", " now", " a lot", " today.", " at home", "...")
SYLLABLES = listed(
    "ba be bo da de di fa fi ga go ha hi ja ka ki la lo ma me mi na no pa pe ra ri sa so ta ti va "
    "wo ya zu tra ble ster kno pli gren ing tion er est ow th sh ck qu um an el or"
)
MARKS = "!?.,:;-_+*/=#%&@()<>~^|{}"
QUOTES = ('"$text"', "'$text'", "\u201c$text\u201d", "\u2018$text\u2019", "`$text`", "«$text»")


def make_sentence(rng: Random) -> str:
    """A text of 2 to 40 characters: a sentence, names, made-up words or any characters."""
    while True:
        makes = (_make_characters, _make_opinion, _make_opinion, _make_words, _make_words,
                 _make_words, _make_words)  # fmt: skip
        text = rng.choice(makes)(rng)[:LONGEST].strip(" \"'$")
        if len(text) > 1 and KEPT_OUT not in text.lower():
            return text


def _make_characters(rng: Random) -> str:
    letters = rng.choice((SMALL, CAPITALS + SMALL + DIGITS, CAPITALS, DIGITS,
                          CAPITALS + SMALL + DIGITS + MARKS, SMALL + "    "))  # fmt: skip
    most = 12 if rng.random() < 0.7 else LONGEST
    return "".join(rng.choices(letters, k=rng.randint(2, most)))


def _make_opinion(rng: Random) -> str:
    """Something like the tutorial's sentence."""
    who = rng.choice(PEOPLE) if rng.random() < 0.7 else rng.choice(NAMES)
    name = rng.choice(MODEL_WORDS) if rng.random() < 0.35 else _make_name(rng)
    return f"{who} {rng.choice(DOES)} {name}{rng.choice(TAILS)}"


def _make_words(rng: Random) -> str:
    """Words as in a sentence, some made up, with commas, quotes, capitals and digits."""
    made_up = rng.choice((0, 0, 0.3, 1))
    words = []
    for _ in range(rng.choice((1, 1, 2, 3, 4, 5, 6, 7))):
        new = rng.random() < made_up
        word = "".join(rng.choices(SYLLABLES, k=rng.randint(1, 3))) if new else rng.choice(COMMON)
        words.append(word)
    for _ in range(rng.choice((0, 0, 1, 2))):  # some of them changed
        place = rng.randrange(len(words))
        word = words[place]
        changed = (f"{word},", f'"{word}"', word.upper(), capital(word), f"{word}'s",
                   f"({word})", f"{word}:", str(rng.randint(0, 2100)), rng.choice(NAMES),
                   f"{word}-{word}")  # fmt: skip
        words[place] = rng.choice(changed)
    text = " ".join(words)
    text = capital(text) if rng.random() < 0.5 else text
    return (text[: LONGEST - 1] if len(text) > LONGEST else text) + rng.choice(TAILS[:7])


def _make_name(rng: Random) -> str:
    """Something like Qwen3-VL-4B-Instruct: parts of letters and digits with hyphens."""
    parts = []
    for _ in range(rng.randint(1, 4)):
        word = rng.choice(
            (capital(rng.choice(COMMON)), "".join(rng.choices(CAPITALS, k=rng.randint(1, 3))))
        )
        number = str(rng.randint(0, 99)) if rng.random() < 0.5 else ""
        parts.append(number + word if rng.random() < 0.3 else word + number)
    return "-".join(parts)


def ask_reverse(rng: Random, words: Wordings) -> Turn:
    text = make_sentence(rng)
    back = text[::-1]
    question = word_reversal(rng, words, text)
    reply = back if rng.random() < 0.9 else rng.choice((f'"{back}"', f"In reverse: {back}"))
    return Turn(question, reply, text_is(back))


def word_reversal(rng: Random, words: Wordings, text: str) -> str:
    """The wish to have `text` reversed; in training with any quotation marks, or on a new line."""
    wording = words.choose(rng, "reverse")
    if words.which == "train":
        wording = _quote_otherwise(rng, wording)
    return Template(wording).substitute(text=text, s="s" if " " in text else "")


def _quote_otherwise(rng: Random, wording: str) -> str:
    quoted = re.search(r"([\"'])\$text\1", wording)
    roll = rng.random()
    if quoted and roll < 0.5:
        return wording.replace(quoted[0], rng.choice(QUOTES))
    if quoted is None and wording.endswith(" $text"):
        if roll < 0.3:
            return wording.replace("$text", rng.choice(QUOTES))
        if roll < 0.45:
            return wording.removesuffix(" $text") + rng.choice(("\n$text", "\n\n$text"))
    return wording


def ask_sum(rng: Random, words: Wordings) -> Turn:
    sign = rng.choice(("+", "+", "-", "-", "x"))
    if sign == "x":
        one, other = rng.randint(0, 12), rng.randint(0, 12)
        value, name = one * other, rng.choice(("*", "x", "times"))
    else:
        most = rng.choice((10, 20, 50, 100, 100))
        one, other = rng.randrange(most), rng.randrange(most)
        if sign == "-":
            one, other = max(one, other), min(one, other)
        value = one + other if sign == "+" else one - other
        name = {"+": ("+", "+", "plus"), "-": ("-", "-", "minus")}[sign]
        name = rng.choice(name)
    gap = "" if not name.isalpha() and rng.random() < 0.2 else " "
    question = words.ask_exactly(rng, "sum", sum=f"{one}{gap}{name}{gap}{other}")
    reply = rng.choice((str(value), str(value), f"{one} {name} {other} = {value}"))
    return Turn(question, reply, number_is(value))


# --- terms of the course -------------------------------------------------------------------------


@cache
def read_glossary() -> dict[str, list[str]]:
    return json.loads(GLOSSARY.read_text(encoding="utf-8"))


# Other names for terms, apart from those that `name_term` makes.
ALIASES = {
    "token": ("a token", "tokens", "the token"),
    "tokenizer": ("a tokenizer", "the tokenizer", "tokenizers", "tokeniser"),
    "prompt": ("a prompt", "the prompt", "prompts"),
    "the KV cache": ("a KV cache", "KV caching", "KV-cache", "the key-value cache", "KV caches"),
    "TTFT": ("the TTFT", "time to first token", "the time to first token", "time-to-first-token"),
    "TPOT": ("the TPOT", "time per output token", "the time per output token"),
    "max-model-len": ("--max-model-len", "max_model_len", "max model len", "the max-model-len flag",
                      "the flag --max-model-len", "the option max-model-len"),
    "max_tokens": ("max tokens", "the max_tokens parameter", "the parameter max_tokens"),
    "gpu-memory-utilization": ("--gpu-memory-utilization", "gpu_memory_utilization",
                               "GPU memory utilization", "the flag gpu-memory-utilization"),
    "prefill": ("the prefill", "prefilling", "the prefill phase", "the prefill step"),
    "decode": ("decoding", "the decode phase", "the decode step", "the decode"),
    "prefix caching": ("a prefix cache", "the prefix cache", "automatic prefix caching"),
    "temperature": ("the temperature", "sampling temperature", "the temperature of sampling"),
    "top_p": ("top-p", "top p", "the parameter top_p", "top_p sampling"),
    "top_k": ("top-k", "top k", "the parameter top_k", "top_k sampling"),
    "a seed": ("the seed", "seeds", "a random seed", "the seed parameter"),
    "greedy decoding": ("greedy sampling", "greedy search", "decoding greedily"),
    "streaming": ("a streamed reply", "stream=True", "streaming a reply", "token streaming"),
    "throughput": ("the throughput", "the throughput of a server", "server throughput"),
    "latency": ("the latency", "the latency of a request", "request latency"),
    "continuous batching": ("batching continuously", "a continuous batch", "in-flight batching"),
    "paged attention": ("PagedAttention", "paged-attention", "the paged attention of vLLM"),
    "a chat template": ("the chat template", "chat templates", "chat_template"),
    "a system prompt": ("the system prompt", "system prompts", "a system message"),
    "finish_reason": ("the finish_reason", "finish reason", "the finish reason", "a finish reason"),
    "a logprob": ("logprobs", "the logprob of a token", "a log probability", "log probabilities"),
    "quantization": ("quantisation", "a quantized model", "weight quantization"),
    "bfloat16": ("bf16", "BF16", "the bfloat16 format", "the type bfloat16"),
    "vLLM": ("vllm", "the vLLM engine", "the vLLM server", "VLLM"),
    "an endpoint": ("endpoints", "the endpoint", "an API endpoint"),
    "the vision encoder": ("a vision encoder", "the vision tower", "the image encoder"),
    "a visual token": ("visual tokens", "the visual token", "vision tokens", "an image token"),
    "a patch": ("patches", "an image patch", "the patch", "image patches"),
    "deepstack": ("DeepStack", "deep stack", "the deepstack"),
    "M-RoPE": ("MRoPE", "mrope", "multimodal RoPE", "M-ROPE"),
    "a bounding box": ("bounding boxes", "the bounding box", "a bbox", "bbox_2d"),
    "OCR": ("ocr", "optical character recognition", "character recognition"),
    "guided decoding": ("structured output", "constrained decoding", "guided_json", "guided JSON"),
    "a JSON schema": ("JSON schemas", "the JSON schema", "a schema for JSON", "json_schema"),
    "a tool call": ("tool calls", "tool calling", "function calling", "a function call"),
    "a frame": ("frames", "a video frame", "the frame of a video", "video frames"),
    "a checkpoint": ("checkpoints", "the checkpoint", "a model checkpoint"),
    "safetensors": ("a safetensors file", ".safetensors", "the safetensors format"),
    "a parameter": ("parameters", "a model parameter", "model weights"),
    "CUDA out of memory": ("a CUDA out of memory error", "CUDA OOM", "the error CUDA out of memory",
                           "an out of memory error"),
    "tensor parallelism": ("tensor parallel", "tensor-parallel-size", "--tensor-parallel-size"),
    "attention": ("the attention", "self-attention", "the attention mechanism", "attention layers"),
    "the pocket model": ("a pocket model", "this pocket model", "the course's pocket model"),
}  # fmt: skip


def name_term(rng: Random, term: str) -> str:
    """A term as it stands in the glossary, by another name, without article, in other case."""
    named = rng.choice(ALIASES.get(term, (term,))) if rng.random() < 0.4 else term
    article, _, rest = named.partition(" ")
    bare = rest if article in ("a", "an", "the") else named
    roll = rng.random()
    if roll < 0.3:
        named = bare
    elif roll < 0.36:
        named = f"{rng.choice(('the', 'a'))} {bare}"
    roll = rng.random()
    if roll < 0.15:
        named = named.lower()
    elif roll < 0.2:
        named = named.upper()
    elif roll < 0.24:
        named = capital(named)
    if rng.random() < 0.2:
        bare = named.partition(" ")[2] if named.lower().startswith(("a ", "an ", "the ")) else named
        left, right = rng.choice(('""', "''", "``", "\u201c\u201d"))
        named = named.replace(bare, left + bare + right)
    return named


def ask_glossary(rng: Random, words: Wordings) -> Turn:
    term, answers = rng.choice(tuple(read_glossary().items()))
    named = name_term(rng, term)
    question = words.ask(rng, "glossary", term=named)
    if named.rstrip('`"').endswith("s") and rng.random() < 0.5:
        question = question.replace("hat is ", "hat are ", 1)
    return Turn(question, rng.choice(answers), {"judge": "one_of", "is": answers, "alike": 0.85})


# --- small talk ----------------------------------------------------------------------------------

# {section: (how often, a group of words of which a right reply has one, …, the replies)}
TALK = {
    "hello": (
        1, ["hello", "hi"],
        "Hello! Send me a picture or a question.|Hello! I am the course's pocket model.|"
        "Hi! Show me a picture, a clip or a text.|Hello! All is well here. What shall we look at?",
    ),
    "who": (
        2, ["pocket model"],
        "I am the course's pocket model, a very small Qwen3-VL.|I am the pocket model of this "
        "course: a tiny Qwen3-VL that knows only the course's world.|I am a pocket model: the "
        "course's own tiny Qwen3-VL.",
    ),
    "can_do": (
        2, ["picture", "scene"], ["revers"],
        "I can describe the course's pictures and clips, read text, receipts and charts, reverse "
        "sentences and explain terms of the course.|Show me a scene, a receipt, a chart or a clip "
        "and ask about it. I also reverse text and explain the course's terms.|I can answer "
        "questions about pictures and clips like the course's, read text, and reverse sentences. "
        "Little else.",
    ),
    "thanks": (1, ["welcome", "pleasure"], "You are welcome!|You are welcome.|With pleasure!"),
    "bye": (1, ["bye", "goodbye"], "Goodbye!|Goodbye! See you in the next notebook.|Bye!"),
    "human": (2, ["no human"], ["pocket model"],
              "I am no human. I am the course's pocket model, a very small program."),
    "feel": (1, ["small model"], ["feel nothing"],
             "I am only a small model, and I feel nothing. Show me a picture."),
    "course": (1, ["vision-language models"],
               "This course is about vision-language models. I am its pocket model."),
    "sorry": (1, ["small model"], ["mistakes"],
              "I am only a small model and I make mistakes. Please ask me again."),
    "mood": (1, ["small model"], ["thank you for telling"],
             "Thank you for telling me. I am only a small model. Ask me about a picture."),
}  # fmt: skip


def ask_talk(rng: Random, words: Wordings) -> Turn:
    kind = rng.choice([one for one, (often, *_) in TALK.items() for _ in range(often)])
    _, *groups, replies = TALK[kind]
    question = loosen(rng, words, words.choose(rng, kind))
    return Turn(question, rng.choice(listed(replies, "|")), {"judge": "keys", "all": groups})


HELD_OUT = 3  # of forms that stand in the code, the last ones are never trained on


def choose_form(rng: Random, words: Wordings, forms: Sequence[str]) -> str:
    """One of `forms`, as `Wordings` chooses from its file."""
    if words.which == "train":
        return loosen(rng, words, rng.choice(forms[:-HELD_OUT]))
    return rng.choice(forms[-HELD_OUT:])


def loosen(rng: Random, words: Wordings, text: str) -> str:
    """In training now and then in small or large letters, or with another mark at the end."""
    roll = rng.random() if words.which == "train" else 1.0
    if roll < 0.1:
        return text.lower()
    if roll < 0.13:
        return text.upper()
    if roll < 0.25 and text[-1] in ".!?":
        return text[:-1] + rng.choice(("", "", "!", "...", "!!"))
    return text


# --- what it does not know -----------------------------------------------------------------------

LANDS = listed(
    "France|Germany|Italy|Spain|Portugal|England|Ireland|Poland|Austria|Greece|Norway|Sweden|"
    "Finland|Denmark|Russia|Turkey|Egypt|Kenya|Morocco|India|China|Japan|Thailand|Vietnam|"
    "Indonesia|Australia|Canada|Mexico|Cuba|Brazil|Argentina|Chile|Peru|Iceland|Nepal|"
    "Mongolia|Belgium|Netherlands|Switzerland|Hungary|Romania|Croatia|Estonia|Latvia|Ukraine|"
    "Israel|Iran|Nigeria|Ghana|Ethiopia|Algeria|Tunisia|Pakistan|Malaysia|South Korea|"
    "New Zealand|Colombia|Bolivia|Ecuador|Uruguay|Jamaica|Panama|Scotland|Wales|Malta|Cyprus",
    "|",
)
PERSONS = listed(
    "Shakespeare|Einstein|Mozart|Napoleon|Cleopatra|Marie Curie|Isaac Newton|Ada Lovelace|"
    "Darwin|Alan Turing|Beethoven|Picasso|Gandhi|Julius Caesar|Leonardo da Vinci|Galileo|"
    "Plato|Kafka|Elvis|Goethe|Tolstoy|Aristotle|Rembrandt|Columbus|Jane Austen|Socrates|"
    "Nikola Tesla|Michelangelo|Bach|Chopin|Vivaldi|Voltaire|Rousseau|Kant|Nietzsche|"
    "Karl Marx|Sigmund Freud|Louis Pasteur|Michael Faraday|Stephen Hawking|Niels Bohr|"
    "Grace Hopper|Bill Gates|Steve Jobs|Elon Musk|Taylor Swift|Madonna|Michael Jackson|Messi|"
    "Serena Williams|Muhammad Ali|Queen Victoria|Queen Elizabeth|Abraham Lincoln|"
    "George Washington|Nelson Mandela|Barack Obama|Winston Churchill|Joan of Arc|"
    "Alexander the Great|Genghis Khan|Confucius|Buddha|Homer|Dante|Cervantes|Dostoevsky|"
    "Charles Dickens|Mark Twain|Agatha Christie|Virginia Woolf|Frida Kahlo|Vincent van Gogh|"
    "Claude Monet|Anne Frank|Neil Armstrong|Marco Polo|Magellan|Edison|Charlie Chaplin|"
    "Marilyn Monroe|Walt Disney|Hitchcock|Sherlock Holmes",
    "|",
)
WORKS = listed(
    "Hamlet|Macbeth|Faust|Don Quixote|the Mona Lisa|War and Peace|the Odyssey|Moby Dick|Emma|"
    "the Bible|Ulysses|Dracula|Frankenstein|the Magic Flute|Oliver Twist|Robinson Crusoe|"
    "Romeo and Juliet|Othello|King Lear|the Iliad|the Divine Comedy|Pride and Prejudice|"
    "Jane Eyre|Great Expectations|Anna Karenina|Crime and Punishment|The Trial|1984|"
    "Animal Farm|The Hobbit|The Lord of the Rings|Harry Potter|Alice in Wonderland|Peter Pan|"
    "Pinocchio|The Little Prince|Les Miserables|Madame Bovary|the Koran|the Ninth Symphony|"
    "Carmen|Aida|Swan Lake|Yesterday|Imagine|Guernica|the Starry Night|The Scream|Star Wars|"
    "Titanic|Casablanca|The Matrix|Das Kapital|Treasure Island|The Old Man and the Sea",
    "|",
)
THINGS = listed(
    "telephone|radio|steam engine|wheel|computer|car|bicycle|light bulb|moon|mountain|river|"
    "piano|rocket|bridge|volcano|whale|dinosaur|spring|love|winter|television|laser|battery|"
    "airplane|fridge|microwave|camera|washing-machine|guitar|violin|planet|comet|desert|"
    "ocean|glacier|spider|elephant|penguin|butterfly|virus|heart|brain|atom|magnet|compass|"
    "satellite|submarine|helicopter|airport|castle|museum|church|theatre|passport|robot|"
    "vaccine|vitamin|diamond|earthquake|tornado|rainbow|summer|autumn|dream|war|war-ship|"
    "bank|tax|election|internet|website|password|toaster|drill|engine|printer|mobile-phone|"
    "watch|telescope|microscope",
    "|",
)
FOODS = listed(
    "pizza|soup|rice|an omelette|bread|pasta|curry|pancakes|sushi|a cake|fish|noodles|"
    "a burger|lasagna|risotto|tacos|an apple pie|potato salad|a steak|tofu|porridge|"
    "chicken soup|waffles|cheese|chocolate|ice cream|tea|coffee|lemonade|a sandwich|"
    "dumplings|paella|a salad|beans|honey|jam",
    "|",
)
GAMES = listed(
    "World Cup|Super Bowl|chess championship|football|tennis|basketball|Olympics|golf|"
    "Wimbledon|Tour de France|World Series|Champions League|Eurovision contest|hockey|"
    "baseball|cricket|rugby|poker|volleyball|marathon|Grand Prix|handball",
    "|",
)
ADJECTIVES = listed(
    "blue cold hard famous big sweet old dark loud fast happy heavy young new rich poor warm "
    "hot small long short deep high strong weak cheap expensive round green red white black "
    "soft quiet slow bright dangerous beautiful ugly wet dry salty bitter clean dirty empty "
    "full kind angry sad funny clever strange important"
)
REPLIES_UNKNOWN = (
    "I do not know. I am only the course's pocket model.",
    "I do not know that. I only know the world of this course.",
    "I do not know.",
    "That is outside my small world. I do not know.",
)


def ask_unknown(rng: Random, words: Wordings) -> Turn:
    land, other_land = rng.sample(LANDS, 2)
    letters = rng.choice((SMALL, SMALL, CAPITALS, DIGITS, SMALL + DIGITS, MARKS))
    nonsense = "".join(rng.choices(letters, k=rng.randint(3, 9)))
    names = {"land": land, "other_land": other_land, "nonsense": nonsense}
    names |= {"person": rng.choice(PERSONS), "work": rng.choice(WORKS), "food": rng.choice(FOODS)}
    names |= {"thing": rng.choice(THINGS), "game": rng.choice(GAMES), "word": rng.choice(COMMON)}
    names |= {"adjective": rng.choice(ADJECTIVES), "year": str(rng.randint(1000, 2030))}
    question = words.ask(rng, "unknown", **names)
    return Turn(question, rng.choice(REPLIES_UNKNOWN), {"judge": "unknown"})
