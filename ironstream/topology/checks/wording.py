"""What pydantic found, in words that name the field, the value and the mend."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from ironstream.contract import IDENTITY_PART
from ironstream.topology.checks.secrets import names_a_secret, shown
from ironstream.topology.faults import did_you_mean, quote

_KINDS: Final = {
    "float_type": "a number", "float_parsing": "a number", "finite_number": "a finite number",
    "int_type": "a whole number", "int_parsing": "a whole number", "int_from_float": "a whole number",
    "bool_type": "true or false", "bool_parsing": "true or false", "string_type": "a text",
    "list_type": "a list", "tuple_type": "a list", "dict_type": "a mapping", "model_type": "a mapping",
    "model_attributes_type": "a mapping", "mapping_type": "a mapping",
}  # fmt: skip
_FORMS: Final = {
    "a list": "start each item with `- ` on a line of its own, or write `[a, b]`",
    "a mapping": "write its fields as `name: value`, indented below",
    "true or false": "write true or false",
}
_BOUNDS: Final = {
    "greater_than": ("gt", "greater than"), "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"), "less_than_equal": ("le", "at most"),
}  # fmt: skip


def describe(error: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    """Message and mend of one error that validating data as `model` gave."""
    owner, field = field_at(model, error["loc"])
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    name = next((part for part in reversed(error["loc"]) if isinstance(part, str)), "the file")
    about = f" ({field.description.rstrip('.')})" if field is not None and field.description else ""
    if kind == "missing":
        if error["loc"] and isinstance(error["loc"][-1], int):
            return f"`{name}` has too few values", f"give it all{about}"
        return f"required field `{name}` is missing", f"add `{name}:`{about}"
    if kind == "extra_forbidden":
        return _unknown_field(name, owner)
    if kind in _KINDS:
        return _wrong_kind(name, _KINDS[kind], value, about)
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        bound = f"{words} {context[key]:.15g}"
        return f"`{name}` must be {bound}, not {shown(name, value)}", f"write a number {bound}{about}"
    if kind in ("literal_error", "enum"):
        return _wrong_choice(name, value, str(context.get("expected", "")))
    if kind == "string_pattern_mismatch":
        return _wrong_text(name, str(value), str(context.get("pattern", "")))
    if kind in ("too_short", "too_long", "string_too_short", "string_too_long"):
        least, most = context.get("min_length"), context.get("max_length")
        bound = f"at least {least}" if least is not None else f"at most {most}"
        unit = "character" if kind.startswith("string") else "item"
        bound += f" {unit}" if bound.endswith(" 1") else f" {unit}s"
        return f"`{name}` must have {bound}", f"give it {bound}{about}"
    # what a class says of itself tells what to do, or names the mend in its context
    return error["msg"].removeprefix("Value error, "), str(context.get("mend") or "correct what is named here")


def field_at(model: type[BaseModel], location: Sequence[str | int]) -> tuple[type[BaseModel], FieldInfo | None]:
    """The class and field that a location leads to; parts that pydantic adds for unions are passed over.

    The field is None when the last part is no field of the class.
    """
    owner, inner, field = model, model, None
    for part in location:
        if isinstance(part, int) or inner is None:
            continue
        found = fields_of(inner).get(part)
        if found is not None:
            owner, field, inner = inner, found, _model_in(found.annotation) or inner
        else:
            owner, field = inner, None
    return owner, field


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a class by the name they have in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := _model_in(argument))), None)


def _unknown_field(name: str, owner: type[BaseModel]) -> tuple[str, str]:
    options = list(fields_of(owner))
    hint = did_you_mean(name, options)
    return f"unknown field {quote(name)}", hint or f"remove it; the fields here are {', '.join(options)}"


def _wrong_kind(name: str, wanted: str, value: Any, about: str) -> tuple[str, str]:
    if value is None:
        return f"`{name}` is empty but must be {wanted}", "give it a value or remove the field"
    if isinstance(value, str) and "number" in wanted and re.fullmatch(r"[-+]?[\d.,]+", value):
        mend = "write a decimal point" if "," in value else "remove the quotes"
        return f"`{name}` must be {wanted}, not the text {shown(name, value)}", mend
    if wanted == "a text" and not isinstance(value, (list, dict)):
        example = "" if names_a_secret(name) else f": {name}: {quote(str(value))}"
        return f"`{name}` must be {wanted}, not {shown(name, value)}", f"put it into quotes{example}"
    what = "a list" if isinstance(value, list) else "a mapping" if isinstance(value, dict) else shown(name, value)
    return f"`{name}` must be {wanted}, not {what}", _FORMS.get(wanted) or f"write {wanted}{about}"


def _wrong_choice(name: str, value: Any, expected: str) -> tuple[str, str]:
    options = re.findall(r"'([^']*)'", expected) or [expected]
    hint = did_you_mean(str(value), options)
    mend = f"write {options[0]}" if len(options) == 1 else f"write one of {', '.join(options)}"
    return f"`{name}` cannot be {shown(name, value)}", f"{hint} {mend}" if hint else mend


def _wrong_text(name: str, value: str, pattern: str) -> tuple[str, str]:
    if IDENTITY_PART.pattern not in pattern:
        return f"`{name}` cannot be {shown(name, value)}", f"it must match {pattern}"
    proposal = re.sub(r"^[^A-Za-z0-9]+", "", re.sub(r"[^A-Za-z0-9._-]+", "-", value))[:128].rstrip("-")
    mend = "use letters, digits, `.`, `_` and `-`, at most 128, the first a letter or digit"
    return f"`{name}` cannot be {shown(name, value)}", f"{mend}: {proposal}" if proposal else mend
