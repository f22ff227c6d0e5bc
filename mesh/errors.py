"""The one error tree. What is raised here decides three things at once:

    class                gRPC status           HTTP   the runner
    -------------------  --------------------  ----   ------------------------------
    AssayError           INTERNAL              500    retries, then dead letter
    ├ InvalidInput       INVALID_ARGUMENT      400    permanent: `failed` fact
    ├ Unmeasurable       FAILED_PRECONDITION   400    permanent: `failed` fact
    ├ Unauthenticated    UNAUTHENTICATED       401    permanent
    ├ PermissionDenied   PERMISSION_DENIED     403    permanent
    ├ NotFound           NOT_FOUND             404    permanent: `failed` fact
    ├ Conflict           ALREADY_EXISTS        409    permanent
    ├ FailedPrecondition FAILED_PRECONDITION   400    permanent: `failed` fact
    ├ ResourceExhausted  RESOURCE_EXHAUSTED    429    retries later
    ├ Unimplemented      UNIMPLEMENTED         501    permanent
    ├ Transient          UNAVAILABLE           503    retries later
    ├ DeadlineExceeded   DEADLINE_EXCEEDED     504    retries later
    └ Internal           INTERNAL              500    retries, then dead letter

Any other exception counts as Internal, and its text stays inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

DOMAIN = "assay"


@dataclass(frozen=True)
class FieldError:
    """One field at fault: its path in the request and what is wrong with it."""

    field: str
    message: str


class AssayError(Exception):
    """Base of every error that may leave a process.

    code: stable UPPER_SNAKE reason, at most 63 characters. message: one sentence for
    people. field: path of the request field at fault. fix: what the caller can do.
    """

    grpc_code: grpc.StatusCode = grpc.StatusCode.INTERNAL
    permanent: bool = False

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str = "",
        fix: str = "",
        metadata: Mapping[str, str] = MappingProxyType({}),
        fields: Sequence[FieldError] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.field = field
        self.fix = fix
        self.metadata = dict(metadata)
        self.fields = tuple(fields)
        self.retry_after_s = retry_after_s

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders (decoder workers); keyword arguments need help.
        return (
            _rebuild,
            (type(self), self.code, self.message, self.field, self.fix, self.metadata, self.fields,
             self.retry_after_s),
        )  # fmt: skip


def _rebuild(
    kind: type[AssayError],
    code: str,
    message: str,
    field: str,
    fix: str,
    metadata: dict[str, str],
    fields: tuple[FieldError, ...],
    retry_after_s: float | None,
) -> AssayError:
    return kind(
        code, message, field=field, fix=fix, metadata=metadata, fields=fields, retry_after_s=retry_after_s
    )


class InvalidInput(AssayError):
    """The request or the uploaded file is wrong; the same input will never do."""

    grpc_code = grpc.StatusCode.INVALID_ARGUMENT
    permanent = True


class Unmeasurable(AssayError):
    """The input is valid, but what was asked cannot be measured from it."""

    grpc_code = grpc.StatusCode.FAILED_PRECONDITION
    permanent = True


class Unauthenticated(AssayError):
    """No token, or one that does not verify."""

    grpc_code = grpc.StatusCode.UNAUTHENTICATED
    permanent = True


class PermissionDenied(AssayError):
    """The token is good, but not for this."""

    grpc_code = grpc.StatusCode.PERMISSION_DENIED
    permanent = True


class NotFound(AssayError):
    """There is no such thing, or it is not the caller's."""

    grpc_code = grpc.StatusCode.NOT_FOUND
    permanent = True


class Conflict(AssayError):
    """The request contradicts an earlier one."""

    grpc_code = grpc.StatusCode.ALREADY_EXISTS
    permanent = True


class FailedPrecondition(AssayError):
    """The thing is not in a state that allows this."""

    grpc_code = grpc.StatusCode.FAILED_PRECONDITION
    permanent = True


class ResourceExhausted(AssayError):
    """Too much at once; later it may do."""

    grpc_code = grpc.StatusCode.RESOURCE_EXHAUSTED


class Unimplemented(AssayError):
    """Not served here."""

    grpc_code = grpc.StatusCode.UNIMPLEMENTED
    permanent = True


class Transient(AssayError):
    """Something we depend on does not answer; retry."""

    grpc_code = grpc.StatusCode.UNAVAILABLE


class DeadlineExceeded(AssayError):
    """Time ran out."""

    grpc_code = grpc.StatusCode.DEADLINE_EXCEEDED


class Internal(AssayError):
    """Our own fault."""


def as_assay_error(error: BaseException) -> AssayError:
    """Returns `error` itself when it is one of ours; else an Internal that tells nothing."""
    if isinstance(error, AssayError):
        return error
    if isinstance(error, TimeoutError):
        return DeadlineExceeded("TIMEOUT", "A step took longer than it may.", fix="Try again.")
    return Internal(
        "INTERNAL", "Something failed on our side.", fix="Try again; if it persists, report the trace id."
    )


def to_status(error: AssayError) -> status_pb2.Status:
    """Returns the google.rpc.Status of an error: ErrorInfo always, BadRequest when fields are known."""
    metadata = {**error.metadata}
    if error.field:
        metadata["field"] = error.field
    if error.fix:
        metadata["fix"] = error.fix
    status = status_pb2.Status(code=error.grpc_code.value[0], message=error.message)
    _pack(status, error_details_pb2.ErrorInfo(reason=error.code, domain=DOMAIN, metadata=metadata))
    fields = error.fields or ((FieldError(error.field, error.message),) if error.field else ())
    if fields and error.grpc_code is grpc.StatusCode.INVALID_ARGUMENT:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=f.field, description=f.message) for f in fields
        ]
        _pack(status, error_details_pb2.BadRequest(field_violations=violations))
    if error.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(error.retry_after_s * 1000))
        _pack(status, error_details_pb2.RetryInfo(retry_delay=delay))
    return status


def _pack(
    status: status_pb2.Status,
    detail: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo,
) -> None:
    packed = any_pb2.Any()
    packed.Pack(detail)
    status.details.append(packed)
