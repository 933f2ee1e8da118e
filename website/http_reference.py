"""The HTTP reference: a page for each route, from what the service says of itself (OpenAPI)."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from website.markdown import fence, one_line, table
from website.schema_words import Schema, bounds, field_table, reached, referred, type_words

BASE = "http://127.0.0.1:8000"
FOLDER = "reference/http"
GROUPS = {
    "forecasts": "Forecasts",
    "options": "Options",
    "symbols": "Symbols",
    "operations": "Operations and health",
    "events": "Events",
    "admin": "Administration",
}


def page_name(method: str, path: str) -> str:
    """File name of a route's page: ``get-forecast-symbol`` of ``GET /forecast/{symbol}``."""
    return "-".join([method, *re.findall(r"\w+", path)])


def http_pages(openapi: dict[str, Any]) -> dict[str, str]:
    """Pages by their path below the documentation's folder; the list of all routes is the first."""
    definitions = openapi["components"]["schemas"]
    routes = [
        (method, path, route)
        for path, methods in openapi["paths"].items()
        for method, route in methods.items()
    ]
    pages = {f"{FOLDER}/index.md": _index(routes, openapi)}
    for method, path, route in routes:
        pages[f"{FOLDER}/{page_name(method, path)}.md"] = _page(method, path, route, definitions)
    return pages


def _group(path: str, route: dict[str, Any]) -> str:
    return "admin" if path.startswith("/admin") else route.get("tags", ["operations"])[0]


def _summary(route: dict[str, Any]) -> str:
    """Give the first sentence of a route's description."""
    return one_line(route.get("description", "").split("\n\n")[0])


def _index(routes: list[tuple[str, str, dict[str, Any]]], openapi: dict[str, Any]) -> str:
    lines = [
        "# HTTP reference",
        "",
        "Every route of `tickgraph serve`, with its parameters, the fields of its answer and its errors. These pages",
        "are made from the service's own description. A running service gives it at `/openapi.json` and, to try it",
        "out, at `/docs`. [The service](../../serving.md) says how it behaves, and",
        "[Call it from a program](../../guides/call.md) shows how a program asks.",
        "",
    ]
    for group, title in GROUPS.items():
        rows = [
            [f"[`{method.upper()} {path}`]({page_name(method, path)}.md)", _summary(route)]
            for method, path, route in routes
            if _group(path, route) == group
        ]
        lines += [f"## {title}", "", *table(["route", "what it does"], rows)]
    lines += [
        "## Errors",
        "",
        "An error is a problem detail (RFC 9457) of the type `application/problem+json`. Branch on `type`, and show",
        "`detail` to people.",
        "",
        *field_table(openapi["components"]["schemas"]["Problem"]),
        *table(["status", "`type`", "title"], _kinds()),
    ]
    return "\n".join(lines)


def _kinds() -> list[list[str]]:
    from tickgraph.http.problem import KINDS

    rows = sorted({(status, kind, title) for _, status, kind, title in KINDS})
    return [[str(status), f"`urn:tickgraph:problem:{kind}`", title] for status, kind, title in rows]


def _page(method: str, path: str, route: dict[str, Any], definitions: dict[str, Schema]) -> str:
    status, answer = next((code, one) for code, one in route["responses"].items() if code.startswith("2"))
    media, content = next(iter(answer.get("content", {"none": {}}).items()))
    schema: Schema = content.get("schema", {})
    lines = [f"# {method.upper()} {path}", "", *_paragraphs(route.get("description", "")), ""]
    if path.startswith("/admin"):
        lines += ["It needs the admin token: `Authorization: Bearer TOKEN`.", ""]
    lines += _parameters(route)
    lines += _body(route, definitions)
    lines += [
        "## Example",
        "",
        *_not_run(method, path),
        *fence("sh", example_call(method, path, route, definitions)),
    ]
    lines += _answer(status, media, schema, definitions)
    lines += ["## Errors", "", *table(["status", "when"], _errors(route)), ""]
    lines.append("An error's body is described with [all routes](index.md#errors).")
    return "\n".join(lines)


def _paragraphs(text: str) -> list[str]:
    return text.strip().splitlines()


def _not_run(method: str, path: str) -> list[str]:
    """Tell the test of the examples which it leaves out, as the other pages tell it."""
    if path == "/admin/jobs/{job_id}":
        return ["<!-- not run: needs the id of a job -->"]
    changes = method == "post" and path.startswith("/admin") and path != "/admin/cache/clear"
    return ["<!-- not run: changes the models -->"] if changes else []


def _parameters(route: dict[str, Any]) -> list[str]:
    rows = []
    for one in route.get("parameters", []):
        schema = one["schema"]
        default = schema.get("default")
        otherwise = "may be left out" if default is None else f"`{json.dumps(default)}` if left out"
        need = "needed" if one["required"] else otherwise
        said = " ".join(filter(None, [one_line(one.get("description", "")), bounds(schema)]))
        kind = type_words(schema).removesuffix(" or null")
        rows.append([f"`{one['name']}`", one["in"], kind, need, said])
    return ["## Parameters", "", *table(["name", "in", "type", "", "meaning"], rows)] if rows else []


def _body(route: dict[str, Any], definitions: dict[str, Schema]) -> list[str]:
    if "requestBody" not in route:
        return []
    media, content = next(iter(route["requestBody"]["content"].items()))
    schema = content["schema"]
    name = referred(schema)
    lines = ["## Body", "", f"`{media}`", ""]
    if name is None:
        return [*lines, schema.get("description", ""), ""]
    lines += field_table(definitions[name], asked=True)
    for inner in reached(definitions[name], definitions):
        lines += [f"### {inner}", "", *field_table(definitions[inner], asked=True)]
    return lines


def _answer(status: str, media: str, schema: Schema, definitions: dict[str, Schema]) -> list[str]:
    lines = ["## Answer", "", f"Status {status}, `{media}`.", ""]
    name = referred(schema)
    if name is None:
        return lines
    lines += _said(definitions[name])
    examples = definitions[name].get("examples") or []
    if examples:
        lines += ['??? example "An answer"', ""]
        lines += [
            f"    {line}".rstrip() for line in fence("json", json.dumps(_shorter(examples[0]), indent=2))
        ]
    lines += field_table(definitions[name])
    for inner in reached(definitions[name], definitions):
        lines += [f"### {inner}", "", *_said(definitions[inner]), *field_table(definitions[inner])]
    return lines


def _shorter(value: Any) -> Any:
    """Round an example's numbers: six digits are enough to read."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: _shorter(one) for name, one in value.items()}
    return [_shorter(one) for one in value] if isinstance(value, list) else value


def _said(schema: Schema) -> list[str]:
    return [*schema["description"].strip().splitlines(), ""] if schema.get("description") else []


def _errors(route: dict[str, Any]) -> list[list[str]]:
    return [
        [code, one_line(one["description"])]
        for code, one in sorted(route["responses"].items())
        if not code.startswith("2")
    ]


def example_call(method: str, path: str, route: dict[str, Any], definitions: dict[str, Schema]) -> str:
    """A call by curl: needed parameters, a price where there is one, and the body's example."""
    asked = {}
    for one in route.get("parameters", []):
        shown = one["schema"].get("examples") or ["ID"]
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", str(shown[0]))
        elif one["required"] or one["name"] in ("price", "expiry"):
            asked[one["name"]] = shown[0]
    query = "&".join(f"{name}={_plain(value)}" for name, value in asked.items())
    url = f"{BASE}{path}{'?' if query else ''}{query}"
    words = [f'curl -s "{url}"']
    if method != "get":
        words[0] = f'curl -s -X {method.upper()} "{url}"'
    if path.startswith("/admin"):
        words.append('-H "Authorization: Bearer $TICKGRAPH_SERVE__ADMIN_TOKEN"')
    if path == "/events":
        words[0] = words[0].replace("-s", "-sN --max-time 1")
    if "requestBody" in route:
        media, content = next(iter(route["requestBody"]["content"].items()))
        name = referred(content["schema"])
        if name is None:
            words.append(f"-H 'Content-Type: {media}' --data-binary @quotedata.csv")
        else:
            body = (definitions[name].get("examples") or [{}])[0]
            words.append(f"-H 'Content-Type: {media}' -d '{json.dumps(body)}'")
    return " \\\n  ".join(words)


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else quote(str(value), safe=":,-")
