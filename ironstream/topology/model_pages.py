"""The configurations of a family (adapters, sinks) as chapters of a reference page. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ironstream.topology.field_table import field_table, paragraph, type_words

_REF: Final = "#/$defs/"
ChapterOf = Callable[[type[BaseModel]], str | None]
"""From a class to the folder that it stands in; None: it belongs to what all share."""


def chapters(kinds: Mapping[str, type[BaseModel]], chapter_of: ChapterOf, folders: str, shared: str) -> Iterator[str]:
    """A chapter for each folder below `folders`, with its README linked, then one (`shared`) for what all share.

    Each class of `kinds`, and all that their fields are made of, has a heading (the kind's name, where it has one),
    what it says of itself, and a table of its fields.
    """
    names = {model: name for name, model in sorted(kinds.items(), reverse=True)}
    models = with_all_below(model for _, model in sorted(kinds.items()))
    references, made = models_json_schema([(model, "validation") for model in models], by_alias=True)
    definitions = {_REF + name: definition for name, definition in made["$defs"].items()}
    titles = {model: names.get(model) or f"{chapter_of(model) or shared}: {model.__name__}" for model in models}
    by_reference = {references[model, "validation"]["$ref"]: model for model in models}

    def named(reference: str) -> str:
        model = by_reference.get(reference)
        if model is None:
            # an enumeration: its values say more than its name
            return type_words(definitions[reference], named)
        return f"[{model.__name__}](#{anchor(titles[model])})"

    for chapter in sorted({chapter_of(model) for model in models}, key=lambda name: (name is None, name or "")):
        if chapter is None:
            yield f"## {shared}\n"
        else:
            readme = f"What it does, and what is good to know: [README](../{folders}/{chapter}/README.md).\n"
            yield f"## {folders}/{chapter}\n\n{readme}"
        for model in sorted((m for m in models if chapter_of(m) == chapter), key=lambda m: m not in names):
            definition = definitions[references[model, "validation"]["$ref"]]
            table = field_table(model, definition["properties"], named)
            yield f"### {titles[model]}\n\n{paragraph(model)}\n\n{table}"


def with_all_below(models: Iterable[type[BaseModel]]) -> list[type[BaseModel]]:
    """The models and all that their fields are made of, each once."""
    found = list(dict.fromkeys(models))
    for model in found:  # grows on the way
        inner = (below for field in model.model_fields.values() for below in _models_in(field.annotation))
        found += [below for below in dict.fromkeys(inner) if below not in found]
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def anchor(title: str) -> str:
    """The name by which a page links to a heading."""
    return "".join(sign for sign in title.lower().replace(" ", "-") if sign.isalnum() or sign in "-_")
