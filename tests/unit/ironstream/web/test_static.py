"""The pages' files: what browsers keep, and what must not be in them."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from ironstream.web import problems
from ironstream.web.static import PAGES, PageFiles, mount_pages

OURS = (*PAGES.glob("*.*"), *(PAGES / "js").rglob("*.js"))
FORBIDDEN = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function|Attribute..style"
INLINE = r"<style|<script(?![^>]*src=)|\sstyle=|\son\w+="


@pytest.fixture
def client() -> AsyncClient:
    app = FastAPI()
    problems.install(app)
    mount_pages(app)
    return AsyncClient(transport=ASGITransport(app), base_url="http://web")


async def test_the_page_is_asked_for_again_and_not_sent_twice(client: AsyncClient) -> None:
    first = await client.get("/")
    assert first.headers["cache-control"] == "no-cache"
    again = await client.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_files_are_kept_for_ever_under_an_address_of_their_content(client: AsyncClient) -> None:
    names = re.findall(r'(?:src|href)="(static/[^"]+)"', (await client.get("/")).text)
    assert len(names) >= 4
    for name in names:
        answer = await client.get(f"/{name}")
        assert answer.status_code == 200, name
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].split(";")[0] in ("text/javascript", "text/css", "image/svg+xml")


async def test_what_gains_by_it_is_sent_compressed(client: AsyncClient) -> None:
    files = PageFiles()
    path = f"/static/{files.version}/app.css"
    packed = await client.get(path, headers={"Accept-Encoding": "gzip"})
    plain = await client.get(path, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    assert packed.text == plain.text == (PAGES / "app.css").read_text()


@pytest.mark.parametrize("path", ["/static/old/app.css", "/static/old/../../app.py", "/static/%2e%2e/%2e%2e/app.py"])
async def test_a_file_of_another_version_is_not_there(client: AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_another_content_has_another_address(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<script src="static/a.js">')
    (tmp_path / "a.js").write_text("1")
    before = PageFiles(tmp_path)
    (tmp_path / "a.js").write_text("2")
    after = PageFiles(tmp_path)
    assert before.version != after.version
    assert f'"static/{after.version}/a.js"'.encode() in after.index.content


@pytest.mark.parametrize("source", OURS, ids=lambda path: path.name)
def test_no_file_parses_markup_or_reaches_out_and_every_import_is_there(source: Path) -> None:
    text = source.read_text()
    assert not re.search(FORBIDDEN, text), "names that devices made would be parsed"
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), "the pages ask nobody but their own server"
    if source.suffix == ".html":
        assert not re.search(INLINE, text), "the policy refuses what is inline"
    for name in re.findall(r"(?:from|import)\s*\(?\"(\.[^\"]+)\"", text):
        assert (source.parent / PurePosixPath(name)).is_file(), name
