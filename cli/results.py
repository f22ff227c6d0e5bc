"""Results as they come from the API, back in the form of the document that travelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.events.v1.analysis_pb2 import Analysis
from google.protobuf.json_format import ParseDict, ParseError

from cli.problems import failed, refused


def document_of(view: Mapping[str, Any]) -> Analysis:
    """The document of an analysis that has succeeded.

    Raises CommandError: JOB_HAS_NO_RESULT, or RESULT_UNREADABLE for one of a newer server with fields that
    are not known here; reading only the rest could hide what matters.
    """
    job_id = str(view.get("job_id", ""))
    if view.get("state") != "STATE_SUCCEEDED":
        state = str(view.get("state", "")).removeprefix("STATE_").lower()
        fix = "Name analyses that have succeeded; `assay jobs list` shows them."
        raise refused("JOB_HAS_NO_RESULT", f"{job_id} has no result: it is {state}.", field="job_id", fix=fix)
    try:
        return ParseDict(view.get("result") or {}, Analysis())
    except ParseError as error:
        detail = f"The result of {job_id} cannot be read: {error}"
        raise failed(
            "RESULT_UNREADABLE", detail, fix="Use the command line of the server's release."
        ) from error
