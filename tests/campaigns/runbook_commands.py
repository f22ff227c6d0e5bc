"""Whether the commands of a runbook exist: `assay` by its own parser's tables, pods' by theirs."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click

from cli.main import assay
from mesh import operate

# What runbooks use beside our own commands.
TOOLS = frozenset({"curl", "psql", "openssl", "du", "grep", "head", "tail"})
CLUSTER_TOOLS = frozenset({"kubectl", "cmctl", "nats", "pg_restore", "assay", "grep"})
ASSIGNMENT = re.compile(r"[A-Z_]+=.*")


def words(line: str) -> Iterator[list[str]]:
    """The commands of a line, without settings before them and apart where a pipe joins them."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|")
    lexer.whitespace_split = True
    command: list[str] = []
    for word in lexer:
        if word == "|":
            yield command
            command = []
        elif command or not ASSIGNMENT.fullmatch(word):
            command.append(word)
    yield command


def fault_of_assay(command: list[str]) -> str:
    """Why an `assay` command cannot be run; "" when its options and arguments fit."""
    node: click.Command = assay
    rest = command[1:]
    while isinstance(node, click.Group):
        found = node.commands.get(rest[0]) if rest else None
        if found is None:
            return f"{shlex.join(command)}: there is no such command"
        node, rest = found, rest[1:]
    options = {name: each for each in node.params for name in each.opts if isinstance(each, click.Option)}
    arguments = [each for each in node.params if isinstance(each, click.Argument)]
    given = 0
    while rest:
        word, *rest = rest
        if not word.startswith("-"):
            given += 1
        elif word not in options:
            return f"{shlex.join(command)}: there is no option {word}"
        elif not options[word].is_flag:
            rest = rest[1:]
    least = sum(1 for each in arguments if each.required)
    most = sum(each.nargs for each in arguments) if all(each.nargs > 0 for each in arguments) else 99
    return "" if least <= given <= most else f"{shlex.join(command)}: {given} arguments"


def fault_of_cluster(command: list[str], names: frozenset[str]) -> str:
    """Why a command for a cluster cannot be right: a name in no manifest, a pod's command that is none."""
    for word in command:
        kind, slash, name = word.partition("/")
        if slash and kind in ("deploy", "job", "statefulset") and name not in names:
            return f"{shlex.join(command)}: no manifest has {word}"
        label, equals, value = word.partition("=")
        if label == "app.kubernetes.io/name" and equals and value not in names:
            return f"{shlex.join(command)}: no manifest has {word}"
    if "-n" in command and (namespace := command[command.index("-n") + 1]) not in names:
        return f"{shlex.join(command)}: no manifest has the namespace {namespace}"
    if "mesh.operate" in command:
        inside = command[command.index("mesh.operate") + 1 :]
        with contextlib.redirect_stderr(io.StringIO()) as said:
            try:
                operate.parser().parse_args(inside)
            except SystemExit:
                return f"{shlex.join(command)}: {said.getvalue()}"
    if "-k" in command and not Path(command[command.index("-k") + 1]).is_dir():
        return f"{shlex.join(command)}: there is no such overlay"
    return ""


def fault(line: str, *, local: bool, names: frozenset[str]) -> str:
    """Why a line of a runbook cannot be typed; "" when it can."""
    for command in words(line):
        program = command[0]
        if program == "assay" and (found := fault_of_assay(command)):
            return found
        allowed = {*TOOLS, "assay"} if local else CLUSTER_TOOLS
        if program not in allowed:
            return f"{line}: {program} is no command of runbooks"
        if local and program not in ("assay", "psql") and shutil.which(program) is None:
            return f"{line}: {program} is not here"
        if not local and program != "assay" and (found := fault_of_cluster(command, names)):
            return found
    return ""
