"""The interceptor every RPC passes: span, metrics, token, field rules, tenant, error model.

opentelemetry-instrumentation-grpc records status 0 for `abort_with_status` and for
uncaught exceptions, and makes no metrics; that is why this one is ours. An exception that
is not in the error tree leaves as INTERNAL without its text.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Set
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import protovalidate
import structlog
from assay.common.v1 import auth_pb2
from google.protobuf.message import Message
from opentelemetry import trace

from mesh import auth, crashes, telemetry, tenancy
from mesh.errors import AssayError, FieldError, Internal, InvalidInput, as_assay_error, to_status
from mesh.logs import hashed

log = structlog.get_logger()

if TYPE_CHECKING:
    # Generic in the type stubs only.
    Handler = grpc.RpcMethodHandler[Any, Any]
    Context = grpc.aio.ServicerContext[Any, Any]
    Call = Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]

INFRASTRUCTURE = ("/grpc.health.", "/grpc.reflection.")
DETAILS = "grpc-status-details-bin"


class Door(grpc.aio.ServerInterceptor):
    """Wraps every unary and server-streaming method of our services."""

    def __init__(
        self, rules: Mapping[str, auth_pb2.Auth], verifier: auth.Verifier, buckets: Set[str] = frozenset()
    ) -> None:
        """buckets: those whose objects a request may name; none for a service that reads no object."""
        self._rules = rules
        self._verifier = verifier
        self._buckets = buckets

    async def intercept_service(
        self, continuation: Call, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(INFRASTRUCTURE):
            return handler
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                self._unary(method, handler.unary_unary),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(
                self._stream(method, handler.unary_stream),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        raise Internal("NOT_SERVED", "Client streaming is not part of any contract here.")

    def _unary(self, method: str, behaviour: Any) -> Any:
        async def serve(request: Message, context: Context) -> Any:
            with observed(method, context) as outcome:
                try:
                    outcome.caller = await self._admit(method, request, context)
                    return await behaviour(request, context)
                except Exception as error:
                    outcome.fail(error)
                    await abort(context, error)

        return serve

    def _stream(self, method: str, behaviour: Any) -> Any:
        async def serve(request: Message, context: Context) -> AsyncIterator[Any]:
            with observed(method, context) as outcome:
                try:
                    outcome.caller = await self._admit(method, request, context)
                    async for response in behaviour(request, context):
                        yield response
                except Exception as error:
                    outcome.fail(error)
                    await abort(context, error)

        return serve

    async def _admit(self, method: str, request: Message, context: Context) -> auth.Principal | None:
        """Returns who calls, None for an open method; raises what the caller is to be told."""
        rule = self._rules.get(method)
        if rule is None:
            raise Internal("METHOD_WITHOUT_RULE", "The method has no authorisation rule.")
        auth.set_principal(None)
        if rule.open:
            validate(request)
            return None
        metadata = dict(context.invocation_metadata() or ())
        principal = await self._verifier.verify(str(metadata.get("authorization", "")))
        auth.require(principal, rule.scopes)
        auth.set_principal(principal)
        validate(request)
        tenancy.check_all(request, principal.tenant_id, self._buckets)
        job_id = getattr(request, "job_id", "")
        if job_id:
            telemetry.about_job(job_id)
        return principal


def validate(request: Message) -> None:
    """Checks the field rules of the contract; raises InvalidInput naming every field at fault."""
    try:
        protovalidate.validate(request)
    except protovalidate.ValidationError as error:
        fields = tuple(
            FieldError(field_path(violation), violation.proto.message) for violation in error.violations
        )
        first = fields[0]
        raise InvalidInput(
            "INVALID_FIELD",
            f"{first.field or 'request'}: {first.message}"
            + (f" (and {len(fields) - 1} more)" if fields[1:] else ""),
            field=first.field,
            fix="Correct the fields named in `errors`.",
            fields=fields,
        ) from error


def field_path(violation: protovalidate.Violation) -> str:
    """Returns a violation's field as a dotted path with list indices."""
    parts = []
    path = violation.proto.field
    for element in path.elements if path else ():
        subscript = element.subscript
        index = f"[{subscript.value}]" if subscript is not None else ""
        parts.append(f"{element.field_name}{index}")
    return ".".join(parts)


async def abort(context: Context, error: Exception) -> None:
    """Ends the RPC with the status of an error of the tree."""
    ours = as_assay_error(error)
    status = to_status(ours)
    await context.abort(
        ours.grpc_code, ours.message, trailing_metadata=((DETAILS, status.SerializeToString()),)
    )


class Outcome:
    """Collects how an RPC ended, for span, metric and log line."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.code = grpc.StatusCode.OK
        self.reason = ""
        self.caller: auth.Principal | None = None

    def fail(self, error: Exception) -> None:
        """Records an error; one that is not in the tree is logged with its traceback."""
        ours = as_assay_error(error)
        self.code, self.reason = ours.grpc_code, ours.code
        if not isinstance(error, AssayError):
            log.error("rpc_crashed", exc_info=error)
            crashes.report(error, rpc=self.method)


@contextmanager
def observed(method: str, context: Context) -> Any:
    """Opens the RPC's span; on leaving sets its status, the metric and one canonical log line."""
    metadata = {k: v for k, v in (context.invocation_metadata() or ()) if isinstance(v, str)}
    outcome = Outcome(method)
    started = time.perf_counter()
    service, _, name = method.strip("/").partition("/")
    with telemetry.tracer.start_as_current_span(
        f"{service}/{name}",
        context=telemetry.extract(metadata),
        kind=trace.SpanKind.SERVER,
        attributes={"rpc.system": "grpc", "rpc.service": service, "rpc.method": name},
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield outcome
        except (asyncio.CancelledError, GeneratorExit):
            outcome.code = grpc.StatusCode.CANCELLED
            raise
        finally:
            seconds = time.perf_counter() - started
            span.set_attribute("rpc.grpc.status_code", outcome.code.value[0])
            if outcome.reason:
                span.set_attribute("error.type", outcome.reason)
                span.set_status(trace.StatusCode.ERROR, outcome.reason)
            telemetry.RPC_SECONDS.labels(method, outcome.code.name).observe(seconds, telemetry.exemplar())
            log.info(
                "rpc",
                method=method,
                code=outcome.code.name,
                reason=outcome.reason,
                tenant=hashed(outcome.caller.tenant_id if outcome.caller else ""),
                caller=hashed(outcome.caller.subject if outcome.caller else ""),
                seconds=round(seconds, 4),
                # Without a collector Envoy opens no span, and this is the id that the caller was given.
                request_id=metadata.get("x-request-id", "")[:64],
            )
