"""The pages' files: read once, answered from memory, kept by browsers until their content changes."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response

from ironstream.web.problems import ApiError

PAGES: Final = Path(__file__).parent / "pages"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"
_SMALL: Final = 800
"""Bytes below which compression gains nothing."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file as it is sent; `packed` is None where compression gains nothing."""

    content: bytes
    packed: bytes | None
    media_type: str
    tag: str


class PageFiles:
    """All files below a folder. `version` is a hash of all of them: their addresses hold it, so that a browser that has
    one never has to ask for it again, and never mixes the files of two versions.
    """

    def __init__(self, folder: Path = PAGES) -> None:
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.suffix in _TYPES
        }
        whole = hashlib.sha256()
        for name, content in files.items():
            whole.update(f"{name}\0{len(content)}\0".encode() + content)
        self.version = whole.hexdigest()[:16]
        index = files.pop("index.html").replace(b'"static/', f'"static/{self.version}/'.encode())
        self.index = _file("index.html", index)
        self._files = {name: _file(name, content) for name, content in files.items()}

    def find(self, version: str, name: str) -> PageFile | None:
        """A file of this version. One of another is not there: whoever asks has an old page, and loads it anew."""
        return self._files.get(name) if version == self.version else None


def mount_pages(app: FastAPI, files: PageFiles | None = None) -> None:
    """Answer `/` with the pages, and `/static/…` with their files."""
    pages = PageFiles() if files is None else files
    router = APIRouter(include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def index(request: Request) -> Response:
        return _answer(request, pages.index, _ASK_AGAIN)

    @router.api_route("/static/{version}/{name:path}", methods=["GET", "HEAD"])
    async def static(request: Request, version: str, name: str) -> Response:
        found = pages.find(version, name)
        if found is None:
            raise ApiError(404, f"There is no file {name} of this version of the pages.", "Load the page anew.")
        return _answer(request, found, _FOR_EVER)

    app.include_router(router)


def _file(name: str, content: bytes) -> PageFile:
    packed = gzip.compress(content, 9, mtime=0) if len(content) > _SMALL else None
    tag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
    return PageFile(content, packed, _TYPES[PurePosixPath(name).suffix], tag)


def _answer(request: Request, file: PageFile, caching: str) -> Response:
    headers = {"Cache-Control": caching, "ETag": file.tag, "Vary": "Accept-Encoding"}
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=file.media_type)
    return Response(file.content, headers=headers, media_type=file.media_type)
