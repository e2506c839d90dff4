"""YAML's syntax errors in the words of somebody who edits a plant, not of somebody who wrote a parser."""

from __future__ import annotations

from typing import Final

import yaml

_INDENTATION: Final = "make fields of one thing start in one column, indented with spaces"
_BRACES: Final = "quote a `${secret:NAME}` within braces"
_MENDS: Final[tuple[tuple[str, str, str], ...]] = (
    # part of libyaml's message, ours, mend
    ("mapping values are not allowed", "a `:` that starts no field", f"quote a text with `: ` in it; {_INDENTATION}"),
    ("could not find expected ':'", "a line without a `:`", "write `field: value`, with a blank after the colon"),
    ("did not find expected key", "this line fits no field or list above it", _INDENTATION),
    ("did not find expected '-' indicator", "a list item is expected here", "start each item with `- ` in one column"),
    ("did not find expected ',' or '}'", "the braces are open", f"put `,` between fields, close with `}}`; {_BRACES}"),
    ("did not find expected ',' or ']'", "the bracket is not closed", "put `,` between the items and close with `]`"),
    ("unexpected end of stream", "the text in quotes is not closed", "close it with the quote it starts with"),
    ("unknown escape character", "an unknown escape", "use single quotes, or write `\\\\` for a backslash"),
    ("found unknown directive", "an unknown directive", "remove the line, or quote a text that starts with `%`"),
    ("did not find expected <document start>", "text after the end of the document", _INDENTATION),
    ("did not find expected node content", "a value is missing, or starts with a reserved sign", "quote the value"),
    ("undefined tag handle", "a tag of an unknown kind", "remove the tag, or quote a text that starts with `!`"),
    ("found duplicate anchor", "an anchor is declared twice", "give each anchor a name of its own"),
)  # fmt: skip


def explain(err: yaml.YAMLError, text: str) -> tuple[int, int, str, str]:
    """Line, column (from 1), message and mend of an error of the parser."""
    if not isinstance(err, yaml.MarkedYAMLError) or err.problem_mark is None:
        return 1, 1, f"not YAML: {str(err).splitlines()[0]}", "check the syntax"
    mark = err.problem_mark
    line, column = mark.line + 1, mark.column + 1
    problem = err.problem or "not YAML"
    if "cannot start any token" in problem:
        lines = text.splitlines()
        sign = lines[mark.line][mark.column : mark.column + 1] if mark.line < len(lines) else ""
        if sign == "\t":
            return line, column, "a tab where YAML wants blanks", "indent with spaces; let the editor expand tabs"
        return line, column, f"no value can start with `{sign}`", "quote the value"
    for part, message, mend in _MENDS:
        if part in problem:
            begun = err.context_mark
            if begun is not None and begun.line != mark.line:
                message = f"{message}; it belongs to what starts in line {begun.line + 1}"
            return line, column, message, mend
    return line, column, problem, "check the syntax here and in the line above"
