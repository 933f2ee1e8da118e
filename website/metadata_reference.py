"""What a model's metadata holds, from its JSON schema."""

from __future__ import annotations

from website.schema_words import Schema, field_table, reached


def metadata_page(schema: Schema) -> str:
    """The page of the metadata, field by field."""
    definitions = schema["$defs"]
    lines = [
        "# Metadata of a model",
        "",
        "Each model has a file `metadata/SYMBOL_metadata.json` ([what is on disk](../files.md)). It says what the",
        "model was trained on, and what it was worth on sessions that training never saw. This page is made from",
        "[metadata.schema.json](../metadata.schema.json), by which any program can check such a file.",
        "",
        *field_table(schema),
    ]
    for name in reached(schema, definitions):
        one = definitions[name]
        lines += [f"## {name}", "", *one.get("description", "").splitlines(), "", *field_table(one)]
    return "\n".join(lines)
