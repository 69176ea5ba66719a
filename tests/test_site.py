"""The site of the recorded notebooks: every link leads somewhere, and nothing is loaded."""

import html
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from helpers.versions import REFERENCE, find_stack
from notebooks.publish import write_site
from tests.conftest import NOTEBOOKS, SOLUTIONS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_stack() != REFERENCE, reason="the site is the same on both stacks"),
]

SITE_LINK = re.compile(r'<(\w+)[^>]*?\s(?:href|src)="([^"]*)"')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, str]:
    """The pages of the site, each with its HTML."""
    pages = write_site(tmp_path_factory.mktemp("site"))
    return {page.resolve(): page.read_text() for page in pages}


def test_the_site_holds_every_lesson_and_its_solutions(site: dict[Path, str]) -> None:
    names = [f"{page.parent.name}/{page.name}" for page in site]
    for path in NOTEBOOKS + SOLUTIONS:
        assert f"{path.parent.name}/{path.stem}.html" in names


def test_the_site_loads_nothing_and_its_links_lead_somewhere(site: dict[Path, str]) -> None:
    for page, text in site.items():
        assert "<script" not in text, page.name
        assert not re.search(r"@import|url\(\s*['\"]?(https?:)?//", text), page.name
        assert not re.search(r"\\text\{|\\frac\{", text), page.name
        for tag, link in SITE_LINK.findall(text):
            if (tag == "a" and re.match(r"https?://", link)) or link.startswith("data:"):
                continue
            target, _, anchor = html.unescape(link).partition("#")
            there = (page.parent / unquote(target)).resolve() if target else page
            assert there.is_file(), f"{page.name}: {link}"
            if anchor and there in site:
                assert f'id="{anchor}"' in site[there], f"{page.name}: {link}"


def test_every_picture_of_the_site_has_a_text(site: dict[Path, str]) -> None:
    for page, text in site.items():
        for picture in re.findall(r"<img[^>]*>", text):
            alt = re.search(r'alt="([^"]*)"', picture)
            assert alt and alt[1].strip(), f"{page.name}: {re.sub('base64,.*', '…', picture)}"
            assert "No description" not in alt[1], f"{page.name}: a picture says {alt[1]}"
