"""Every command with its arguments and options, as ``--help`` has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import click
import typer

from website.markdown import one_line, table


def command_page() -> str:
    """The page of all commands."""
    from tickgraph.cli.commands import app

    lines = [
        "# Options of every command",
        "",
        "This page is made from the command line itself: it says what `tickgraph COMMAND --help` says.",
        "[Commands](../commands.md) says what each is for, and what its exit code means.",
        "",
    ]
    root: Any = typer.main.get_command(app)
    for name, command in _commands(root):
        lines += [f"## tickgraph {name}", "", *_help(command), ""]
        lines += [f"`{_usage(name, command)}`", ""]
        lines += table(["argument or option", "default", "meaning"], _rows(command))
    return "\n".join(lines)


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _help(command: click.Command) -> list[str]:
    return [line.strip() for line in (command.help or "").replace("\b", "").strip().splitlines()]


def _usage(name: str, command: click.Command) -> str:
    pieces = command.collect_usage_pieces(click.Context(command, info_name=name))
    plain = (re.sub(r"^\{(.*)\}$", r"\1", re.sub(r"^\[\[(.*)\]\]", r"[\1]", one)) for one in pieces)
    return " ".join([f"tickgraph {name}", *plain])


def _rows(command: click.Command) -> list[list[str]]:
    rows = []
    for one in command.params:
        if getattr(one, "hidden", False) or one.name == "help":
            continue
        if one.param_type_name == "option":  # Typer's options are no click.Option
            names = ", ".join(f"`{word}`" for word in [*one.opts, *one.secondary_opts])
            names += f" {one.metavar}" if one.metavar else ""
        else:
            names = f"`{(one.metavar or one.name or '').upper().strip('[]{}')}`"
        rows.append([names, _default(one), one_line(getattr(one, "help", None) or "")])
    return rows


def _default(one: click.Parameter) -> str:
    value = one.default
    if one.required:
        return "needed"
    if isinstance(said := getattr(one, "show_default", None), str):
        return said
    if (
        value is None
        or callable(value)
        or value is False
        or value in ((), [], "")
        or "Sentinel" in repr(value)
    ):
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{getattr(value, 'value', value)}`"
