"""`python -m mesh.operate`: what operators do from inside, in any pod that has NATS in its settings.

`assay deadletters` does the same from outside of a container. Prints JSON, one object a line. Exit status: 0
done, 2 refused, 1 our own failure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import nats.errors
import structlog

from mesh import facts, jetstream, redrive
from mesh.errors import AssayError
from mesh.redrive import DeadLetter
from mesh.settings import Settings
from mesh.topology import ADVISORY_STREAM, DEADLETTER_STREAM


def log_to_stderr() -> None:
    """Standard output is for what was asked."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def as_row(found: DeadLetter) -> dict[str, Any]:
    """A letter without its document, which holds what somebody stated about a person."""
    row = {name: value for name, value in vars(found).items() if name != "document"}
    return {**row, "readable": found.document is not None}


async def list_letters(settings: Settings, stage: str = "*", job_id: str = "*") -> list[DeadLetter]:
    """Dead letters of a stage or job, or all, oldest first; at most 1000."""
    connection = await jetstream.connect(settings, "operate")
    try:
        return [found async for found in redrive.letters(connection.js, stage=stage, job_id=job_id)]
    finally:
        await connection.close()


async def read_letter(settings: Settings, sequence: int) -> DeadLetter:
    """One dead letter; raises NotFound."""
    connection = await jetstream.connect(settings, "operate")
    try:
        return await redrive.letter(connection.js, sequence)
    finally:
        await connection.close()


async def redrive_letters(settings: Settings, sequences: Sequence[int]) -> list[dict[str, Any]]:
    """Drives letters again, each on its own; a refused one says why in its row."""
    connection = await jetstream.connect(settings, "operate")
    rows: list[dict[str, Any]] = []
    try:
        for sequence in sequences:
            try:
                found = await redrive.letter(connection.js, sequence)
                done = await redrive.redrive(connection.js, found, time_s=settings.job_deadline_s)
                rows.append(asdict(done))
            except AssayError as error:
                rows.append(
                    {"sequence": sequence, "code": error.code, "detail": error.message, "fix": error.fix}
                )
        return rows
    finally:
        await connection.close()


async def drop_letters(settings: Settings, sequences: Sequence[int]) -> list[dict[str, Any]]:
    """Removes letters for good; raises NotFound at the first that is not there."""
    connection = await jetstream.connect(settings, "operate")
    rows = []
    try:
        for sequence in sequences:
            found = await redrive.letter(connection.js, sequence)
            await redrive.drop(connection.js, sequence)
            rows.append({"sequence": sequence, "job_id": found.job_id, "dropped": True})
        return rows
    finally:
        await connection.close()


async def streams(settings: Settings) -> list[dict[str, Any]]:
    """How full each stream is, and what each consumer has before it, works on, and got again."""
    connection = await jetstream.connect(settings, "operate")
    rows: list[dict[str, Any]] = []
    try:
        for stream in (facts.STREAM, DEADLETTER_STREAM, ADVISORY_STREAM):
            info = await connection.js.stream_info(stream)
            limit = info.config.max_bytes or 0
            share = info.state.bytes / limit if limit > 0 else 0.0
            rows.append({"stream": stream, "messages": info.state.messages, "full": round(share, 4)})
            for consumer in await connection.js.consumers_info(stream):
                rows.append(
                    {
                        "stream": stream,
                        "consumer": consumer.name,
                        "waiting": consumer.num_pending,
                        "running": consumer.num_ack_pending,
                        "redelivered": consumer.num_redelivered,
                    }
                )
        return rows
    finally:
        await connection.close()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m mesh.operate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python -m mesh.operate deadletters list --stage segment",
    )
    what = made.add_subparsers(dest="what", required=True)
    what.add_parser("streams", help="how full streams are, and what each consumer has before it")
    letters = what.add_parser("deadletters", help="facts that were given up")
    do = letters.add_subparsers(dest="do", required=True)
    listing = do.add_parser("list", help="list dead letters, oldest first")
    listing.add_argument("--stage", default="*", help="of this stage")
    listing.add_argument("--job", default="*", help="of this job")
    for name, text in (
        ("show", "print one with its document"),
        ("redrive", "publish the facts again under the next epoch"),
        ("drop", "remove for good"),
    ):
        one = do.add_parser(name, help=text)
        one.add_argument("sequence", type=int, nargs="+" if name != "show" else 1)
    return made


async def run(arguments: argparse.Namespace, settings: Settings) -> list[dict[str, Any]]:
    """Does what was asked; returns what to print."""
    if arguments.what == "streams":
        return await streams(settings)
    if arguments.do == "list":
        return [as_row(found) for found in await list_letters(settings, arguments.stage, arguments.job)]
    if arguments.do == "show":
        return [shown(await read_letter(settings, arguments.sequence[0]))]
    if arguments.do == "redrive":
        return await redrive_letters(settings, arguments.sequence)
    return await drop_letters(settings, arguments.sequence)


def shown(found: DeadLetter) -> dict[str, Any]:
    """A letter with its document."""
    from google.protobuf.json_format import MessageToDict

    document = None
    if found.document is not None:
        document = MessageToDict(found.document, preserving_proto_field_name=True)
    return {**as_row(found), "document": document}


def main() -> int:
    log_to_stderr()
    try:
        rows = asyncio.run(run(parser().parse_args(), Settings()))
    except AssayError as error:
        print(json.dumps({"code": error.code, "detail": error.message, "fix": error.fix}), file=sys.stderr)
        return 2 if error.permanent else 1
    except (nats.errors.Error, TimeoutError, OSError) as error:
        print(json.dumps({"code": "NATS_UNAVAILABLE", "detail": str(error)}), file=sys.stderr)
        return 1
    for row in rows:
        print(json.dumps(row))
    return 2 if any("code" in row and "detail" in row for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
