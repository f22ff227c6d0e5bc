-- Erasures: what was asked to be erased, by whom, and how far it is. Names no subject, so the row may stay.
CREATE TABLE erasures (
    job_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    -- Stages that were at work may write until then; a last sweep follows.
    settled_at timestamptz NOT NULL,
    -- The next sweep; while one is under way, when another gateway may take over.
    next_at timestamptz NOT NULL DEFAULT now(),
    -- Objects of uploads that no analysis uses any more, as bucket/key, kept until the last sweep.
    uploads text[] NOT NULL DEFAULT '{}',
    facts bigint NOT NULL DEFAULT 0,
    objects bigint NOT NULL DEFAULT 0,
    swept_at timestamptz,
    confirmed_at timestamptz
);
CREATE INDEX erasures_open ON erasures (next_at) WHERE confirmed_at IS NULL;

ALTER TABLE erasures ENABLE ROW LEVEL SECURITY;
ALTER TABLE erasures FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON erasures TO assay_app, assay_worker
    USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
-- The eraser finds, for every tenant, only what is not confirmed yet.
CREATE POLICY worker_erasures_read ON erasures FOR SELECT TO assay_worker USING (confirmed_at IS NULL);
CREATE POLICY worker_erasures_claim ON erasures FOR UPDATE TO assay_worker USING (confirmed_at IS NULL);

-- The second photo by its column, so that one photo of two analyses goes with the last of them.
ALTER TABLE jobs ADD COLUMN protected_upload_id uuid;
ALTER TABLE jobs ADD FOREIGN KEY (tenant_id, protected_upload_id) REFERENCES uploads (tenant_id, upload_id);
CREATE INDEX jobs_by_upload ON jobs (upload_id);
CREATE INDEX jobs_by_protected_upload ON jobs (protected_upload_id) WHERE protected_upload_id IS NOT NULL;

GRANT SELECT, INSERT ON erasures TO assay_app;
GRANT SELECT, UPDATE ON erasures TO assay_worker;
GRANT INSERT (protected_upload_id) ON jobs TO assay_app;
GRANT DELETE ON jobs, job_facts, consents, uploads TO assay_worker;
-- What finding the rows to delete takes; what was consented to stays closed to background work.
GRANT SELECT (job_id, tenant_id) ON consents TO assay_worker;
-- A re-drive of a dead letter gives its job new time.
GRANT UPDATE (deadline) ON jobs TO assay_worker;
