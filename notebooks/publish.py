"""Write the recorded notebooks and the pages as a website that needs no network: `make site`.

Begins at README.md and follows the links: notebooks and pages become HTML, other files are copied.
The site has no script and loads nothing from elsewhere.
"""

import functools
import html
import posixpath
import re
import shutil
import sys
from pathlib import Path

import nbformat
from jinja2 import DictLoader
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "site"
# nbconvert's own page, without what it would load: require.js, MathJax, Mermaid and the widgets'.
TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block body_header -%}
{{ super() }}<style>
main {max-width: 75em; margin: auto}
main .jp-InputArea-editor {overflow-x: auto}
</style>
<p><a href="TO-INDEX">All lessons</a></p>
{%- endblock -%}
"""
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{max-width: 50em; margin: 2em auto; padding: 0 1em; font: 16px/1.5 sans-serif}}
pre {{overflow-x: auto; background: #f4f4f4; padding: .8em}}
table {{border-collapse: collapse; display: block; overflow-x: auto}}
td, th {{border: 1px solid #ccc; padding: .3em .6em; text-align: left; vertical-align: top}}
.anchor-link {{display: none}}
</style></head><body>{body}</body></html>
"""
LINK = re.compile(r'\b(href|src)="([^"#:]+)(#[^"]*)?"')
HEADING = re.compile(r'<(h\d) id="[^"]*">(.*?)</\1>')
FORMULA = re.compile(r"\$([^$\n`]+)\$")


def write_formula(formula: re.Match) -> str:
    """A formula of the lessons as plain text, since the site has no MathJax."""
    text = re.sub(r"\\text\{([^}]*)\}", r"\1", formula[1]).replace(r"\times", "×")
    return re.sub(r"\\frac\{([^}]*)\}\{([^}]*)\}", r"(\1) / (\2)", text)


def name_heading(heading: re.Match) -> str:
    """A heading with the anchor that links between the pages use, which is GitHub's form."""
    inside = re.sub(r'<a class="anchor-link".*?</a>', "", heading[2])
    words = re.sub(r"<[^>]+>", "", inside).lower()
    anchor = re.sub(r"[^\w -]", "", html.unescape(words)).replace(" ", "-")
    return f'<{heading[1]} id="{anchor}">{inside}</{heading[1]}>'


def name_page(path: str) -> str:
    """Where a file of the course lies in the site; both paths are relative to their folders."""
    if path == "README.md":
        return "index.html"
    return re.sub(r"\.(md|ipynb)$", ".html", path)


@functools.cache
def make_exporter() -> HTMLExporter:
    loader = DictLoader({"course.html.j2": TEMPLATE})
    return HTMLExporter(extra_loaders=[loader], template_file="course.html.j2")


def describe_pictures(notebook: nbformat.NotebookNode) -> None:
    """Write each picture of an output as HTML with its alt text, which nbconvert's page leaves out.

    A picture that says nothing of itself, such as a plot, is told by the section that it is in.
    """
    section = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            section = next(reversed(re.findall(r"^#+ (.*)", cell.source, re.MULTILINE)), section)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            for kind in [kind for kind in ("image/png", "image/jpeg") if kind in data]:
                alt = output.metadata.get(kind, {}).get("alt", f"Plot of the section {section}")
                picture = f'src="data:{kind};base64,{data[kind].strip()}"'
                output.data = {"text/html": f'<img alt="{html.escape(alt)}" {picture}>'}


def render(path: str) -> str:
    """The HTML of a notebook, of a page, or of a folder of notebooks."""
    source = ROOT / path
    if source.suffix == ".ipynb":
        notebook = nbformat.read(source, as_version=4)
        describe_pictures(notebook)
        body, _ = make_exporter().from_notebook_node(notebook, {"metadata": {"name": source.stem}})
        index = posixpath.relpath("README.md", posixpath.dirname(path))
        return FORMULA.sub(write_formula, body.replace("TO-INDEX", index))
    if source.is_dir():
        names = sorted(one.name for one in source.glob("*.ipynb"))
        title, text = source.name, "\n".join(f"- [{name}]({name})" for name in names)
    else:
        text = source.read_text(encoding="utf-8")
        title = re.search(r"^# (.*)", text, re.MULTILINE)[1]
    body = HEADING.sub(name_heading, markdown2html(text))
    return PAGE.format(title=html.escape(title), body=body)


def write_site(site: Path = SITE) -> list[Path]:
    """Write the site into an empty folder and return its pages."""
    pages, waiting, seen = [], ["README.md"], {"README.md"}

    def follow(link: re.Match) -> str:
        attribute, target, anchor = link[1], link[2], link[3] or ""
        file = posixpath.normpath(posixpath.join(folder, target))
        is_folder = (ROOT / file).is_dir()
        if is_folder and not list((ROOT / file).glob("*.ipynb")):
            return 'title="in the repository"'
        if not (ROOT / file).exists():
            raise FileNotFoundError(f"{path} links to {target}, which is not there.")
        if file not in seen:
            seen.add(file)
            waiting.append(file)
        to = posixpath.join(file, "index.html") if is_folder else name_page(file)
        return f'{attribute}="{posixpath.relpath(to, posixpath.dirname(here))}{anchor}"'

    while waiting:
        path = waiting.pop()
        is_folder = (ROOT / path).is_dir()
        folder = path if is_folder else posixpath.dirname(path)
        here = posixpath.join(path, "index.html") if is_folder else name_page(path)
        target = site / here
        target.parent.mkdir(parents=True, exist_ok=True)
        if is_folder or path.endswith((".md", ".ipynb")):
            target.write_text(LINK.sub(follow, render(path)), encoding="utf-8")
            pages.append(target)
        else:
            shutil.copyfile(ROOT / path, target)
    return pages


if __name__ == "__main__":
    for old in SITE.glob("*"):
        if old.is_file():
            old.unlink()
        elif old.name != "slides":  # those of `make slides`
            shutil.rmtree(old)
    print(f"{len(write_site())} pages: open {SITE / 'index.html'}", file=sys.stderr)
