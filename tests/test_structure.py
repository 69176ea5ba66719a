"""The rules that every notebook keeps, and that the pages of the course agree with the folder."""

import ast
import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from notebooks.snippets import PAGE, find_snippets, write_page
from tests.conftest import NOTEBOOKS, ROOT, SOLUTIONS

ALL = NOTEBOOKS + SOLUTIONS
SERVER_CELL = """\
place = find_place()
server = Server(place).start()
client = OpenAI(base_url=place.base_url, api_key=place.api_key)
MODEL = client.models.list().data[0].id
server"""
# The lines that a snippet which asks a server has in common with the others of its client.
ENDING = """\
except Exception as error:
    sys.exit(f"{error}\\nIs {BASE_URL} up? See COURSE_BASE_URL (…/v1), COURSE_API_KEY, NO_PROXY.")
"""
BY_OPENAI = """\
BASE_URL = os.environ.get("COURSE_BASE_URL", "http://127.0.0.1:8085/v1")
KEY = os.environ.get("COURSE_API_KEY", "EMPTY")
"""
BY_HTTPX = """\
BASE_URL = os.environ.get("COURSE_BASE_URL", "http://127.0.0.1:8085/v1").rstrip("/")
ROOT = BASE_URL.removesuffix("/v1")
KEY = {"Authorization": f"Bearer {os.environ.get('COURSE_API_KEY', 'EMPTY')}"}
"""
CLIENT = """\
try:
    client = OpenAI(base_url=BASE_URL, api_key=KEY, timeout=120, max_retries=2)
    MODEL = client.models.list().data[0].id
"""
COMMON = {*f"{BY_OPENAI}{BY_HTTPX}{CLIENT}{ENDING}".splitlines()}
WITH_SERVER = ("03", "04", "05", "07", "08", "09", "10", "11", "12", "13", "14", "15")
# Names that several cells of a lesson set, all to the same.
SAME_EVERYWHERE = {"MODEL", "answer", "base_url", "client", "folder", "key", "limits", "place"}
SAME_EVERYWHERE |= {"processor"}


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def source(cell: dict) -> str:
    return "".join(cell["source"])


def code_cells(path: Path) -> list[dict]:
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]


def texts(path: Path) -> list[str]:
    return [source(cell) for cell in read(path)["cells"] if cell["cell_type"] == "markdown"]


def tags(cell: dict) -> list[str]:
    return cell["metadata"].get("tags", [])


def find_calls(code: str) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]


def find_names(code: str) -> tuple[set[str], set[str]]:
    """The names that a cell needs of other cells, and those it sets; not a function's own."""
    needed, written = set(), set()
    for node in ast.parse(code).body:
        names = [one for one in ast.walk(node) if isinstance(one, ast.Name)]
        stored = {one.id for one in names if isinstance(one.ctx, ast.Store)}
        inner = {one.arg for one in ast.walk(node) if isinstance(one, ast.arg)}
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner |= stored
        needed |= {one.id for one in names if isinstance(one.ctx, ast.Load)} - inner - written
        written |= stored - inner
    return needed - written, written


def count_head(code: str) -> int:
    """The lines before the first statement that is no import."""
    imports = (ast.Import, ast.ImportFrom)
    first = next(node for node in ast.parse(code).body if not isinstance(node, imports))
    return first.lineno - 1


each = pytest.mark.parametrize("notebook", ALL, ids=name)
each_lesson = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name)


def test_lessons_are_numbered_without_gaps_and_have_solutions() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{n:02}" for n in range(len(NOTEBOOKS))]
    assert [path.name for path in SOLUTIONS] == [path.name for path in NOTEBOOKS]
    assert all(re.fullmatch(r"\d\d(_[a-z]+)+\.ipynb", path.name) for path in NOTEBOOKS)


@each
def test_one_title_and_it_comes_first(notebook: Path) -> None:
    titles = re.findall(r"^# .*", "\n".join(texts(notebook)), re.MULTILINE)
    assert len(titles) == 1
    assert texts(notebook)[0].startswith(titles[0])
    assert notebook.name[:2] in titles[0]


@each_lesson
def test_opening(notebook: Path) -> None:
    first = texts(notebook)[0]
    assert "You will" in first
    assert 2 <= len(re.findall(r"^- ", first, re.MULTILINE)) <= 4
    assert re.search(r"^Before: .* · \d+ min · runs on ", first, re.MULTILINE)
    imports = source(code_cells(notebook)[0])
    assert re.match(r"import |from ", imports)


@each_lesson
def test_sections_exercises_recap_and_next(notebook: Path) -> None:
    headings = re.findall(r"^## (.*)", "\n".join(texts(notebook)), re.MULTILINE)
    assert headings[-2:] == ["Exercises", "Recap"]
    assert 3 <= len(headings) - 2 <= 6
    last = texts(notebook)[-1]
    assert 1 <= len(re.findall(r"^- ", last, re.MULTILINE)) <= 4
    if notebook != NOTEBOOKS[-1]:
        following = NOTEBOOKS[NOTEBOOKS.index(notebook) + 1].name
        assert re.search(rf"^Next: \[.*\]\({following}\)", last, re.MULTILINE)


@each_lesson
def test_length_and_balance(notebook: Path) -> None:
    cells = read(notebook)["cells"]
    code = len(code_cells(notebook))
    assert 25 <= len(cells) <= 50
    assert max(len(text.split()) for text in texts(notebook)) <= 250
    assert 0.6 <= (len(cells) - code) / code <= 1.6


@each_lesson
def test_the_stated_minutes_are_honest(notebook: Path) -> None:
    """Reading 200 words and 20 lines of code a minute, a quarter more to think, 3 an exercise.

    Two people who took the first ten lessons with a clock needed 77 to 137 % of that. The seconds
    that the cells take are in measurements/lessons.csv.
    """
    number = notebook.name[:2]
    with (ROOT / "measurements" / "lessons.csv").open(newline="") as file:
        waiting = {row["lesson"]: int(row["seconds"]) for row in csv.DictReader(file)}[number]
    code = [source(cell) for cell in code_cells(notebook)]
    words = sum(len(text.split()) for text in texts(notebook))
    lines = sum(bool(line.strip()) for one in code for line in one.splitlines())
    exercises = len(re.findall(rf"nb{number}\.check", "\n".join(code)))
    minutes = 1.25 * (words / 200 + lines / 20) + 3 * exercises + waiting / 60
    stated = int(re.search(r"· (\d+) min ·", texts(notebook)[0])[1])
    assert 0.75 <= stated / minutes <= 1.25, f"{minutes:.0f} minutes"


@each
def test_cells_are_short(notebook: Path) -> None:
    """At most 25 lines; of those that need no imports of their own, most have 12 or fewer.

    A snippet's title, its imports and the lines that it has in common with others, which it carries
    so that it runs alone, are not counted.
    """
    cells = code_cells(notebook)
    for cell in cells:
        lines = source(cell).splitlines()
        if "snippet" in tags(cell):
            lines = [line for line in lines[count_head(source(cell)) :] if line not in COMMON]
        assert len(lines) <= 25, source(cell)
    others = [source(cell).splitlines() for cell in cells[1:] if "snippet" not in tags(cell)]
    assert sum(len(lines) <= 12 for lines in others) / len(others) >= 0.75


@each
def test_run_from_top_to_bottom_and_recorded(notebook: Path) -> None:
    cells = code_cells(notebook)
    counts = [cell["execution_count"] for cell in cells]
    assert counts == list(range(1, len(cells) + 1)), "record it: make record"
    assert notebook.stat().st_size < 1_000_000
    for cell in cells:
        for output in cell["outputs"]:
            assert output.get("name") != "stderr"
            if output["output_type"] == "error":
                assert "raises-exception" in tags(cell)
        if "nbval-check-output" in tags(cell):
            assert cell["outputs"], "a compared cell shows something"


@each
def test_tags_are_known_and_failures_are_checked(notebook: Path) -> None:
    cells = code_cells(notebook)
    known = {"snippet", "slide", "nbval-check-output", "nbval-skip", "raises-exception"}
    for number, cell in enumerate(cells):
        assert set(tags(cell)) <= known
        if "raises-exception" in tags(cell):
            assert [o for o in cell["outputs"] if o["output_type"] == "error"]
            following = cells[number + 1]
            assert "nbval-check-output" in tags(cell) + tags(following)


@each_lesson
def test_two_snippets_at_least(notebook: Path) -> None:
    assert sum("snippet" in tags(cell) for cell in code_cells(notebook)) >= 2


def test_snippets_say_what_they_are_for_and_are_listed() -> None:
    for snippet in find_snippets():
        assert snippet.task, f"its first line is no comment that says its task: {snippet.code}"
    assert PAGE.read_text() == write_page(), "make it again: python notebooks/snippets.py"


def test_snippets_that_ask_a_server_are_fit_to_keep() -> None:
    """Without `helpers`, with a limit on time and tries, and with a way out in words."""
    for snippet in find_snippets():
        if not re.search(r"OpenAI\(|httpx\.", snippet.code):
            continue
        assert snippet.is_bare, f"{snippet.task} needs {snippet.needs}"
        assert snippet.asks_server, f"{snippet.task} does not read COURSE_BASE_URL"
        common = BY_OPENAI if "openai" in snippet.packages else BY_HTTPX
        assert common in snippet.code and ENDING in f"{snippet.code}\n", snippet.task
        for call in find_calls(snippet.code):
            words = {keyword.arg for keyword in call.keywords}
            if re.fullmatch(r"(Async)?OpenAI", ast.unparse(call.func)):
                assert words >= {"base_url", "api_key", "timeout", "max_retries"}, snippet.task
            if re.fullmatch(r"httpx\.(get|post|Client)", ast.unparse(call.func)):
                assert "timeout" in words, snippet.task


@each_lesson
def test_exercises_wait_for_an_answer(notebook: Path) -> None:
    whole = "\n".join(source(cell) for cell in code_cells(notebook))
    checks = re.findall(rf"nb{notebook.name[:2]}\.check\w*\(", whole)
    assert 2 <= len(checks) <= 4
    assert "..." in whole


@pytest.mark.parametrize("notebook", SOLUTIONS, ids=name)
def test_solutions_are_right_and_complete(notebook: Path) -> None:
    lesson = ROOT / "notebooks" / notebook.name
    pattern = rf"nb{notebook.name[:2]}\.check\w*"

    def checks(path: Path) -> list[str]:
        return re.findall(pattern, "\n".join(source(cell) for cell in code_cells(path)))

    assert checks(notebook) == checks(lesson)
    shown = json.dumps([cell["outputs"] for cell in code_cells(notebook)], ensure_ascii=False)
    assert shown.count("✅") >= len(checks(notebook))
    assert "❌" not in shown


@pytest.mark.parametrize("notebook", [p for p in NOTEBOOKS if p.name[:2] in WITH_SERVER], ids=name)
def test_the_server_cell_is_the_same_everywhere(notebook: Path) -> None:
    assert SERVER_CELL in [source(cell) for cell in code_cells(notebook)]


@each
def test_no_shell_installs_or_absolute_paths(notebook: Path) -> None:
    for cell in code_cells(notebook):
        assert not re.search(r"^\s*[!%](?!%?time)", source(cell), re.MULTILINE)
        assert "pip install" not in source(cell)
        assert str(ROOT) not in source(cell)


@each
def test_every_question_to_a_server_sends_the_key(notebook: Path) -> None:
    for cell in code_cells(notebook):
        for call in find_calls(source(cell)):
            asked = ast.unparse(call.func)
            words = {keyword.arg for keyword in call.keywords}
            if re.fullmatch(r"httpx\.\w+", asked):
                assert "headers" in words, f"{asked} sends no key: {source(cell)}"
            if re.fullmatch(r"(\w+\.)?(Async)?OpenAI", asked):
                assert "api_key" in words, f"{asked} has no key: {source(cell)}"
            assert "urlopen" not in asked


@each_lesson
def test_a_cell_run_again_finds_what_it_found_before(notebook: Path) -> None:
    """A name that a cell reads and does not set is set by one cell alone."""
    found = [find_names(source(cell)) for cell in code_cells(notebook)]
    setters = Counter(name for _, written in found for name in written - SAME_EVERYWHERE)
    for number, (needed, _) in enumerate(found):
        shared = {name for name in needed if setters[name] > 1}
        assert not shared, f"code cell {number} needs {shared}, which several cells set"


def test_help_pages_of_vllm_exist() -> None:
    """`vllm serve --help=` takes a part of a flag's name, a group such as ModelConfig, or all."""
    lessons = [source(cell) for path in ALL for cell in read(path)["cells"]]
    code = [path.read_text() for path in (ROOT / "helpers").rglob("*.py")]
    for page in re.findall(r"--help=([\w-]+)", "\n".join([*lessons, *code])):
        assert page in ("all", "ModelConfig") or page.startswith("max-model"), page


@each
def test_links_and_pictures_lead_somewhere(notebook: Path) -> None:
    for text in texts(notebook):
        for exclaimed, label, target in re.findall(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", text):
            if exclaimed:
                assert label.strip(), f"{target} has no alt text"
            if not re.match(r"https?:|#|attachment:", target):
                path = (notebook.parent / target.split("#")[0]).resolve()
                assert path.exists(), target


PAGES = ["README.md", "CONTRIBUTING.md", "TEACHING.md"]
PAGES += ["media/README.md", "measurements/README.md"]


@pytest.mark.parametrize("page", [*PAGES, "notebooks/SNIPPETS.md"])
def test_links_of_the_pages(page: str) -> None:
    path = ROOT / page
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if not re.match(r"https?:|#", target):
            assert (path.parent / target.split("#")[0]).exists(), target


def test_readme_table_is_the_folder() -> None:
    readme = (ROOT / "README.md").read_text()
    listed = re.findall(r"^\|.*\(notebooks/(\d\d_\w+\.ipynb)\)", readme, re.MULTILINE)
    assert listed == [path.name for path in NOTEBOOKS]
    titles = re.findall(r"^\| \[(\d\d) · ([^\]]+)\]\(notebooks/", readme, re.MULTILINE)
    minutes = re.findall(r"^\| \[\d\d · .*\| (\d+ min) \|$", readme, re.MULTILINE)
    for path, (number, title), time in zip(NOTEBOOKS, titles, minutes, strict=True):
        assert texts(path)[0].startswith(f"# {number} · {title}\n")
        assert f" · {time} · runs on" in texts(path)[0]


def test_readme_names_every_course_variable() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "helpers").rglob("*.py"))
    readme = (ROOT / "README.md").read_text()
    used = set(re.findall(r"COURSE_[A-Z_]+", code))
    assert used == set(re.findall(r"`(COURSE_[A-Z_]+)`", readme))


def test_helpers_import_neither_notebooks_nor_tests_nor_torch() -> None:
    for path in (ROOT / "helpers").rglob("*.py"):
        text = path.read_text()
        assert not re.search(
            r"^(import|from) (tests|notebooks|torch|vllm|transformers)", text, re.M
        )


GROUND = ("errors", "progress", "versions", "card", "proxies", "places")
FLOORS = (GROUND, ("server", "download"), ("environment", "media"), ("tokens", "memory"))
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
TOP = len(FLOORS)  # panels and exercises


def find_imports(path: Path) -> set[str]:
    """The modules of helpers that a file imports anywhere in it, as `room.module` or `room`."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    named = {f"helpers.{n.name}" for f in froms if f.module == "helpers" for n in f.names}
    found = plain | named | {node.module for node in froms if node.module != "helpers"}
    return {name.removeprefix("helpers.") for name in found if name.startswith("helpers.")}


def test_arrows_between_the_rooms_of_helpers_run_one_way() -> None:
    """A room imports rooms below it, by their face; on the ground everything is one room."""
    for path in (ROOT / "helpers").rglob("*.py"):
        inside = path.relative_to(ROOT / "helpers")
        room = inside.parts[0].removesuffix(".py")
        for target in find_imports(path):
            other, _, module = target.partition(".")
            if other != room and not (room in GROUND and other in GROUND):
                assert FLOOR_OF.get(other, TOP) < FLOOR_OF.get(room, TOP), f"{inside}: {target}"
                assert not module, f"{inside} imports {target}, not the face of {other}"


def test_no_circle_in_a_room() -> None:
    for room in ("server", "download", "environment", "media", "tokens", "memory", "classroom"):
        files = {path.stem: path for path in (ROOT / "helpers" / room).glob("[!_]*.py")}
        left = {name: find_imports(path) for name, path in files.items()}
        while free := [n for n in left if not any(f"{room}.{other}" in left[n] for other in left)]:
            left = {name: targets for name, targets in left.items() if name not in free}
        assert not left, f"{room}: {sorted(left)} import each other"
