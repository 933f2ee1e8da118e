"""JSON schemas in words: the type of a field, and tables of fields with what they refer to."""

from __future__ import annotations

import json
from typing import Any

from website.markdown import one_line, table

Schema = dict[str, Any]

_PLURAL = {"number": "numbers", "integer": "integers", "string": "strings", "boolean": "true or false"}
_PLAIN = {"boolean": "true or false"}
_FORMATS = {"date": "date", "date-time": "time"}


def referred(schema: Schema) -> str | None:
    """Name of the schema that a reference names, or None."""
    return schema["$ref"].rsplit("/", 1)[1] if "$ref" in schema else None


def type_words(schema: Schema, *, many: bool = False) -> str:
    """Type of a field, such as ``number or null`` or ``list of [Interval](#interval)``."""
    if name := referred(schema):
        return f"[{name}](#{name.lower()})"
    if choices := schema.get("anyOf"):
        return " or ".join(dict.fromkeys(type_words(choice, many=many) for choice in choices))
    if "enum" in schema or "const" in schema:
        return " or ".join(f"`{json.dumps(one)}`" for one in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "any value")
    if kind == "array":
        return f"{'lists' if many else 'list'} of {type_words(schema.get('items', {}), many=True)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {type_words(schema['additionalProperties'], many=True)} by name"
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]] + ("s" if many else "")
    return (_PLURAL if many else _PLAIN).get(kind, kind)


def bounds(schema: Schema) -> str:
    """What a value must keep to, as a sentence, or nothing."""
    kept = next((one for one in schema.get("anyOf", []) if one.get("type") != "null"), {}) | schema
    words = [
        f"{word} {_number(kept[name])}"
        for name, word in (
            ("exclusiveMinimum", "more than"),
            ("gt", "more than"),
            ("minimum", "at least"),
            ("ge", "at least"),
            ("exclusiveMaximum", "less than"),
            ("lt", "less than"),
            ("maximum", "at most"),
            ("le", "at most"),
            ("maxLength", "characters: at most"),
            ("maxItems", "items: at most"),
        )
        if name in kept
    ]
    return f"{'; '.join(words).capitalize()}." if words else ""


def _number(value: float) -> str:
    return f"{int(value) if float(value).is_integer() else value:,}"


def reached(schema: Schema, definitions: dict[str, Schema]) -> list[str]:
    """Names of the schemas that one refers to, directly or through others, in the order of their use."""
    found: list[str] = []

    def look(part: Any) -> None:
        if isinstance(part, dict):
            name = referred(part)
            if name is not None and name not in found:
                found.append(name)
                look(definitions[name])
            for value in part.values():
                look(value)
        elif isinstance(part, list):
            for value in part:
                look(value)

    look(schema)
    return found


def field_rows(schema: Schema, *, asked: bool = False) -> list[list[str]]:
    """Rows of name, type and meaning; of what is asked also whether it is needed, and its bounds."""
    rows = []
    for name, field in schema.get("properties", {}).items():
        said = one_line(field.get("description", ""))
        if asked:
            said = " ".join(filter(None, [said, bounds(field)]))
            default = field.get("default")
            need = "needed" if name in schema.get("required", []) else f"`{json.dumps(default)}` if left out"
            rows.append([f"`{name}`", type_words(field), need, said])
        else:
            rows.append([f"`{name}`", type_words(field), said])
    return rows


def field_table(schema: Schema, *, asked: bool = False) -> list[str]:
    """Lines of the table of a schema's fields."""
    head = ["field", "type", "", "meaning"] if asked else ["field", "type", "meaning"]
    return table(head, field_rows(schema, asked=asked))
