-- A job of a tenant, as gateway/ledger/jobs.py reads it. The statement that calls it is its own transaction: the
-- binding ends with it. The caller's rights and row-level security hold inside, so another tenant's job is no row.
CREATE FUNCTION job_of(tenant uuid, wanted uuid) RETURNS TABLE (
    job_id text, kind text, state text, subject_id text, upload_id text, created_at timestamptz,
    deadline timestamptz, finished_at timestamptz, last_seq bigint, document bytea, ending bytea)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('app.tenant_id', tenant::text, true);
    RETURN QUERY
        SELECT j.job_id::text, j.kind, j.state, j.subject_id, j.upload_id::text, j.created_at, j.deadline,
               j.finished_at, j.last_seq, coalesce(d.document, j.requested),
               CASE WHEN j.state = 'failed' THEN t.document END
        FROM jobs j
        LEFT JOIN job_facts d ON d.job_id = j.job_id AND d.stream_seq = j.document_seq
        LEFT JOIN job_facts t ON t.job_id = j.job_id AND t.stream_seq = j.terminal_seq
        WHERE j.job_id = wanted;
END $$;
GRANT EXECUTE ON FUNCTION job_of(uuid, uuid) TO assay_app;
