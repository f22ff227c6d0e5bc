"""Which migrations of the ledger take something away, and from which release on that is safe.

A release runs beside the one before it while it is rolled out, and may be taken back afterwards: its tables
must serve both. So a migration expands. One that takes something away (contracts), or refuses what the older
code still writes, says in a comment above the statement from which version on no code needs it any more:

    -- contract: 0.4.0 no longer reads uploads.sha1
    ALTER TABLE uploads DROP COLUMN sha1;

`dev.release gate` lets it into an environment only where that version, or a newer one, runs already.
Standard library only: the workflow that deploys runs it without installing anything.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "gateway" / "ledger" / "migrations" / "versions"
Version = tuple[int, ...]
_MARK = re.compile(r"--\s*contract:\s*(\d+\.\d+\.\d+)\s+(\S.*)")
_WORD = r'("[^"]+"|[\w.]+)'
_IF = r"(?:IF\s+(?:NOT\s+)?EXISTS\s+)?"
# Why each kind of statement contracts.
_CONTRACTS = (
    (
        rf"DROP\s+(TABLE|VIEW|MATERIALIZED\s+VIEW|SCHEMA|TYPE|FUNCTION|ROLE|SEQUENCE)\s+{_IF}{_WORD}",
        "drops what older code uses",
    ),
    (
        r"\bDROP\s+(?:COLUMN\s+)?(?:IF\s+EXISTS\s+)?(?!CONSTRAINT|DEFAULT|NOT|POLICY|INDEX|TRIGGER|EXPRESSION|IDENTITY)\w+",
        "drops a column",
    ),
    (r"\bRENAME\s+(TO|COLUMN|\w+\s+TO)\b", "renames what older code names"),
    (r"\bALTER\s+(?:COLUMN\s+)?\w+\s+(?:SET\s+DATA\s+)?TYPE\b", "changes a column's type"),
    (r"\bSET\s+NOT\s+NULL\b", "refuses rows that older code writes"),
    (r"\bDROP\s+DEFAULT\b", "refuses rows that older code writes"),
    (r"^TRUNCATE\b", "deletes rows"),
    (r"^DELETE\s+FROM\b", "deletes rows"),
    (r"^REVOKE\b", "takes a right away"),
    (
        r"\bADD\s+(?:CONSTRAINT\s+\w+\s+)?(?:CHECK|UNIQUE|PRIMARY\s+KEY|EXCLUDE)\b",
        "refuses rows that older code writes",
    ),
)
_ON_TABLE = re.compile(rf"^ALTER\s+TABLE\s+(?:ONLY\s+)?{_IF}{_WORD}", re.IGNORECASE)
_MADE_TABLE = re.compile(rf"^CREATE\s+TABLE\s+{_IF}{_WORD}", re.IGNORECASE)
_ADDED = re.compile(rf"\bADD\s+(?:COLUMN\s+){_IF}(\w+)(.*)", re.IGNORECASE | re.DOTALL)
_POLICY = re.compile(rf"^(CREATE|DROP)\s+POLICY\s+{_IF}(\w+)\s+ON\s+{_WORD}", re.IGNORECASE)
_UNIQUE = re.compile(rf"^CREATE\s+UNIQUE\s+INDEX\b.*?\bON\s+(?:ONLY\s+)?{_WORD}", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Statement:
    """One SQL statement without comments, and the comments above it."""

    sql: str
    comments: str


@dataclass(frozen=True)
class Contract:
    """A statement that takes something away. since: from that version on no code needs it; "" when unsaid."""

    sql: str
    why: str
    since: str


@dataclass(frozen=True)
class Migration:
    """A revision of the ledger, what it follows, and what it contracts."""

    revision: str
    follows: str
    contracts: tuple[Contract, ...]


def version(text: str) -> Version:
    """ "1.2.3" as numbers; raises ValueError for anything else."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", text):
        raise ValueError(f"{text!r} is no version; write it as 1.2.3")
    return tuple(int(part) for part in text.split("."))


def statements(sql: str) -> list[Statement]:
    """Splits a script at its semicolons, but not at those inside quotes, dollar quotes or comments."""
    found: list[Statement] = []
    code, comments = "", ""
    for piece in _pieces(sql):
        if piece.startswith(("--", "/*")):
            comments += f"{piece}\n"
        elif piece == ";":
            found.append(Statement(" ".join(code.split()), comments))
            code, comments = "", ""
        else:
            code += piece
    if code.strip():
        found.append(Statement(" ".join(code.split()), comments))
    return found


def _pieces(sql: str) -> Iterator[str]:
    pattern = r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"|\$(\w*)\$.*?\$\1\$|;|[^;'\"$/-]+|."
    yield from (match.group() for match in re.finditer(pattern, sql, re.DOTALL))


def contracts(sql: str) -> list[Contract]:
    """What a script takes away from code that was there before it.

    Tables that the script itself makes are nobody's yet, and a policy that is dropped and made again is
    changed, not dropped.
    """
    script = statements(sql)
    new = {match[1] for each in script if (match := _MADE_TABLE.match(each.sql))}
    policies = [match for each in script if (match := _POLICY.match(each.sql))]
    kept = {(each[2], each[3]) for each in policies if each[1].upper() == "CREATE"}
    found = []
    for statement in script:
        why = _why(statement.sql, new, kept)
        if why:
            mark = _MARK.search(statement.comments)
            found.append(Contract(statement.sql, why, mark[1] if mark else ""))
    return found


def _why(sql: str, new: set[str], kept: set[tuple[str, str]]) -> str:
    policy = _POLICY.match(sql)
    if policy:
        dropped = policy[1].upper() == "DROP" and (policy[2], policy[3]) not in kept
        return "drops a policy that gave a right" if dropped else ""
    unique = _UNIQUE.match(sql)
    if unique:
        return "" if unique[1] in new else "refuses rows that older code writes"
    table = _ON_TABLE.match(sql)
    if table and table[1] in new:
        return ""
    added = _ADDED.search(sql)
    if (
        added
        and re.search(r"\bNOT\s+NULL\b", added[2], re.IGNORECASE)
        and not re.search(r"\b(DEFAULT|GENERATED)\b", added[2], re.IGNORECASE)
    ):
        return "refuses rows that older code writes"
    if re.match(r"(CREATE|GRANT|INSERT|COMMENT)\b", sql, re.IGNORECASE):
        return ""
    return next((why for pattern, why in _CONTRACTS if re.search(pattern, sql, re.IGNORECASE)), "")


def history(folder: Path = FOLDER) -> list[Migration]:
    """The ledger's migrations, oldest first.

    Raises ValueError where a revision does something beside its SQL file, a line of revisions forks or has a
    hole, or a statement contracts and does not say since when that is safe.
    """
    found = {each.revision: each for each in map(_read, sorted(folder.glob("[0-9]*.py")))}
    ordered: list[Migration] = []
    while len(ordered) < len(found):
        before = ordered[-1].revision if ordered else ""
        following = [each for each in found.values() if each.follows == before]
        if len(following) != 1:
            raise ValueError(f"{len(following)} migrations follow {before or 'nothing'}; there must be one")
        ordered += following
    return ordered


def _read(path: Path) -> Migration:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    calls = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    if calls != ["run_beside(__file__)"]:
        raise ValueError(
            f"{path.name} does more than run its SQL file, which is what the gate reads: {calls}"
        )
    found = contracts(path.with_suffix(".sql").read_text(encoding="utf-8"))
    for each in found:
        if not each.since:
            raise ValueError(
                f"{path.stem}.sql {each.why}: {each.sql!r}. Expand first. Where no code needs it any more, "
                "write `-- contract: VERSION why` above it: the first release that does not need it."
            )
    return Migration(said["revision"], said["down_revision"] or "", tuple(found))
