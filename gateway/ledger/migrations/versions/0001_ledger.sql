-- The ledger: what callers asked for, and what the facts say became of it.
--
-- Roles. The owner runs migrations. assay_app serves requests and sees one tenant per transaction.
-- assay_worker relays, projects and reaps; it acts for the tenant that the fact names, and sees beyond
-- one tenant only through the policies named worker_* below.

CREATE FUNCTION current_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    -- After a transaction the setting reads '' on a pooled connection, not NULL: NULLIF makes that no tenant.
    RETURN NULLIF(current_setting('app.tenant_id', true), '')::uuid;

CREATE TABLE uploads (
    upload_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    purpose text NOT NULL CHECK (purpose IN ('image', 'video', 'landmarks')),
    media_type text NOT NULL,
    size_bytes bigint NOT NULL CHECK (size_bytes > 0),
    sha256 text NOT NULL CHECK (sha256 ~ '^([0-9a-f]{64})?$'),
    bucket text NOT NULL,
    object_key text NOT NULL,
    state text NOT NULL DEFAULT 'signed' CHECK (state IN ('signed', 'used', 'expired')),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    signature_expires_at timestamptz NOT NULL,
    usable_until timestamptz NOT NULL,
    UNIQUE (tenant_id, upload_id)
);
CREATE INDEX uploads_unused ON uploads (usable_until) WHERE state = 'signed';

CREATE TABLE jobs (
    job_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    region text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('tattoo', 'balance')),
    upload_id uuid NOT NULL,
    subject_id text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    deadline timestamptz NOT NULL,
    -- The order: a serialised assay.events.v1.Analysis without pages.
    requested bytea NOT NULL,
    -- From here on the projection of the facts; only assay_worker writes it.
    epoch integer NOT NULL DEFAULT 1 CHECK (epoch >= 1),
    state text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    document_seq bigint,
    terminal_seq bigint,
    last_seq bigint NOT NULL DEFAULT 0,
    finished_at timestamptz,
    CHECK ((terminal_seq IS NULL) = (finished_at IS NULL)),
    CHECK ((terminal_seq IS NULL) = (state IN ('queued', 'running'))),
    UNIQUE (tenant_id, job_id),
    -- Foreign keys carry the tenant: their checks bypass row-level security.
    FOREIGN KEY (tenant_id, upload_id) REFERENCES uploads (tenant_id, upload_id)
);
CREATE INDEX jobs_newest ON jobs (tenant_id, created_at DESC, job_id DESC);
CREATE INDEX jobs_by_subject ON jobs (tenant_id, subject_id, created_at DESC, job_id DESC);
CREATE INDEX jobs_open ON jobs (deadline) WHERE finished_at IS NULL;

CREATE TABLE job_facts (
    tenant_id uuid NOT NULL,
    job_id uuid NOT NULL,
    stream_seq bigint NOT NULL CHECK (stream_seq > 0),
    epoch integer NOT NULL CHECK (epoch >= 1),
    fact text NOT NULL,
    pages integer NOT NULL CHECK (pages >= 0),
    stored_at timestamptz NOT NULL,
    document bytea NOT NULL,
    PRIMARY KEY (job_id, stream_seq),
    FOREIGN KEY (tenant_id, job_id) REFERENCES jobs (tenant_id, job_id)
);

CREATE TABLE idempotency_keys (
    tenant_id uuid NOT NULL,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
    job_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key),
    FOREIGN KEY (tenant_id, job_id) REFERENCES jobs (tenant_id, job_id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

CREATE TABLE consents (
    tenant_id uuid NOT NULL,
    job_id uuid PRIMARY KEY,
    subject_id text NOT NULL,
    treatment boolean NOT NULL,
    research boolean NOT NULL,
    text_version text NOT NULL,
    given_at timestamptz,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, job_id) REFERENCES jobs (tenant_id, job_id)
);

CREATE TABLE audit (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    resource text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_newest ON audit (tenant_id, audit_id DESC);

CREATE TABLE outbox (
    outbox_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    job_id uuid NOT NULL,
    epoch integer NOT NULL CHECK (epoch >= 1),
    fact text NOT NULL,
    -- A serialised assay.events.v1.Analysis.
    payload bytea NOT NULL,
    -- W3C trace context of the request that caused the fact.
    trace_context jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    UNIQUE (job_id, epoch, fact),
    FOREIGN KEY (tenant_id, job_id) REFERENCES jobs (tenant_id, job_id)
);
CREATE INDEX outbox_pending ON outbox (outbox_id) WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;

CREATE FUNCTION notify_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('assay_outbox', '');
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_inserted AFTER INSERT ON outbox
    FOR EACH STATEMENT EXECUTE FUNCTION notify_outbox();

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Row-level security: enabled and forced on every table, so that the owner is bound by it as well.
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['uploads', 'jobs', 'job_facts', 'idempotency_keys', 'consents', 'audit', 'outbox'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %I TO assay_app, assay_worker '
            'USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', t);
    END LOOP;
END $$;

-- The relay publishes for every tenant, and the reaper drops rows published long ago.
CREATE POLICY worker_relay_read ON outbox FOR SELECT TO assay_worker USING (true);
CREATE POLICY worker_relay_mark ON outbox FOR UPDATE TO assay_worker USING (true) WITH CHECK (published_at IS NOT NULL);
CREATE POLICY worker_outbox_prune ON outbox FOR DELETE TO assay_worker
    USING (published_at < now() - interval '1 day');
-- The reaper finds, for every tenant, only what is overdue; what it changes it changes as that tenant.
CREATE POLICY worker_overdue ON jobs FOR SELECT TO assay_worker USING (finished_at IS NULL AND deadline < now());
CREATE POLICY worker_unused ON uploads FOR SELECT TO assay_worker USING (state = 'signed' AND usable_until < now());
CREATE POLICY worker_keys_read ON idempotency_keys FOR SELECT TO assay_worker USING (expires_at < now());
CREATE POLICY worker_keys_prune ON idempotency_keys FOR DELETE TO assay_worker USING (expires_at < now());

GRANT EXECUTE ON FUNCTION current_tenant() TO assay_app, assay_worker;
GRANT SELECT, INSERT ON uploads, idempotency_keys, consents, audit, outbox TO assay_app;
GRANT UPDATE (state) ON uploads TO assay_app;
GRANT SELECT, INSERT (job_id, tenant_id, region, kind, upload_id, subject_id, created_by, created_at, deadline, requested)
    ON jobs TO assay_app;
GRANT SELECT ON job_facts TO assay_app;

GRANT SELECT ON uploads, jobs, job_facts, idempotency_keys, outbox TO assay_worker;
GRANT UPDATE (state) ON uploads TO assay_worker;
GRANT UPDATE (epoch, state, document_seq, terminal_seq, last_seq, finished_at) ON jobs TO assay_worker;
GRANT INSERT ON job_facts, audit, outbox TO assay_worker;
GRANT UPDATE (published_at) ON outbox TO assay_worker;
GRANT DELETE ON outbox, idempotency_keys TO assay_worker;
