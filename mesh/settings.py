"""Settings of every process, read once from the environment (prefix ASSAY_).

`python -m mesh.settings` prints the table that docs/settings.md holds; a test keeps the two equal.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """One table of variables for all processes; each reads what it needs."""

    model_config = SettingsConfigDict(env_prefix="ASSAY_", frozen=True, extra="ignore")

    env: Literal["development", "production"] = Field(
        "development", description="Production refuses the development issuer and reflection."
    )
    region: str = Field("local", pattern=r"^[a-z0-9-]{2,32}$", description="Region whose facts are served.")
    version: str = Field("0.1.0", description="Code version written into every page and log line.")

    grpc_host: str = Field("127.0.0.1", description="Address the gRPC server binds.")
    grpc_port: int = Field(0, ge=0, le=65535, description="Port of the gRPC server; 0 takes a free one.")
    metrics_port: int = Field(0, ge=0, le=65535, description="Port of /metrics; 0 takes a free one.")
    health_port: int = Field(
        0, ge=0, le=65535, description="Port of health alone, in plaintext, for probes; 0: none."
    )
    tls_dir: str = Field(
        "",
        description="Folder of tls.crt, tls.key, ca.crt: gRPC and NATS by mutual TLS; empty: plaintext.",
    )
    max_message_bytes: int = Field(6 * 2**20, ge=2**16, description="Largest gRPC message taken or sent.")
    drain_s: float = Field(20.0, ge=0, description="Grace for running work after SIGTERM, seconds.")

    nats_url: str = Field("nats://127.0.0.1:4222", description="NATS server.")
    nats_user: str = Field("", description="NATS user; empty for none.")
    nats_password: str = Field("", description="NATS password.", repr=False)
    nats_replicas: int = Field(1, ge=1, le=5, description="Replicas of streams and buckets.")

    postgres_dsn: str = Field(
        "", description="Ledger, as the role that row-level security binds.", repr=False
    )
    postgres_owner_dsn: str = Field("", description="Ledger, as its owner; migrations only.", repr=False)
    postgres_worker_dsn: str = Field(
        "", description="Ledger, as the role of relay, projector and reaper.", repr=False
    )

    s3_endpoint: str = Field("http://127.0.0.1:8333", description="S3 as the services reach it.")
    s3_public_endpoint: str = Field("", description="S3 as callers reach it; the internal one when empty.")
    s3_access_key: str = Field(
        "", description="S3 access key; empty: the role that the cluster gave.", repr=False
    )
    s3_secret_key: str = Field("", description="S3 secret key.", repr=False)
    s3_region: str = Field("us-east-1", description="S3 region name used for signing.")
    s3_encryption: Literal["sse-s3", "sse-kms"] = Field(
        "sse-kms", description="Encryption header on every object; sse-s3 is for the local stack."
    )
    s3_kms_key_id: str = Field("", description="KMS key of sse-kms.")
    s3_uploads_bucket: str = Field("assay-uploads", description="Bucket callers upload to.")
    s3_artifacts_bucket: str = Field("assay-artifacts", description="Bucket stages write to.")

    oidc_issuer: str = Field("", description="Issuer every token must name.")
    oidc_audience: str = Field("assay", description="Audience every token must name.")
    oidc_jwks_file: str = Field("", description="Key set as a file; else oidc_jwks_url.")
    oidc_jwks_url: str = Field("", description="Key set as a URL.")
    dev_issuer_key_file: str = Field("", description="ES256 key of the development issuer; empty: off.")
    dev_clients_file: str = Field("", description="Clients of the development issuer, JSON.")

    charts_dir: str = Field("", description="Folder of reference files of custom colour charts, *.json.")

    cores: int = Field(
        0, ge=0, le=1024, description="Cores to plan threads for; 0: all that the process may run on."
    )
    stage_concurrency: int = Field(2, ge=1, le=256, description="Facts a stage works on at once.")
    ack_wait_s: float = Field(30.0, ge=1, description="Redelivery after this silence, seconds.")
    max_attempts: int = Field(
        5, ge=1, le=50, description="Runs of a stage that may crash before the fact is given up."
    )
    max_deliver: int = Field(
        24, ge=2, le=100, description="Deliveries, passing errors included, before a fact is given up."
    )
    retry_base_s: float = Field(0.5, gt=0, description="First retry delay, seconds; doubles, with jitter.")
    retry_cap_s: float = Field(60.0, gt=0, description="Longest retry delay, seconds.")
    job_deadline_s: float = Field(600.0, gt=0, description="Time a job may take, seconds.")

    max_upload_bytes: int = Field(50 * 2**20, ge=1, description="Largest image upload, bytes.")
    max_video_bytes: int = Field(300 * 2**20, ge=1, description="Largest video upload, bytes.")
    max_landmark_bytes: int = Field(16 * 2**20, ge=1, description="Largest landmark file, bytes.")

    recalled_models: str = Field(
        "", description="Model versions that are never served here, name@version, by commas."
    )
    inference_memory_bytes: int = Field(
        0, ge=0, description="Most memory ONNX Runtime's arena may take on its device, bytes; 0: no limit."
    )
    shadow_model: str = Field(
        "", description="Ink segmenter, name@version, that runs beside the active one and is only compared."
    )

    canary_tenant: str = Field(
        "", description="Tenant whose jobs are not counted among the callers'; the canary counts its own."
    )
    otlp_endpoint: str = Field("", description="OTLP/gRPC collector, host:port; empty: traces stay local.")
    sentry_dsn: str = Field("", description="Sentry project for crash reports; empty: off.", repr=False)
    certificates_dir: str = Field(
        "", description="Folder of certificates (*.crt, *.pem) whose end /metrics shows; empty: none."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")

    @property
    def buckets(self) -> frozenset[str]:
        """The buckets whose objects a message may name."""
        return frozenset((self.s3_uploads_bucket, self.s3_artifacts_bucket))


def table() -> str:
    """Returns the Markdown table of all variables."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        rows.append(f"| `ASSAY_{name.upper()}` | `{field.default!r}` | {field.description} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(table(), end="")
