-- An upload that expires unused takes its object with it: nobody consented to keeping that photo.
ALTER TABLE uploads ADD COLUMN object_removed_at timestamptz;
CREATE INDEX uploads_to_remove ON uploads (usable_until) WHERE state = 'expired' AND object_removed_at IS NULL;

DROP POLICY worker_unused ON uploads;
CREATE POLICY worker_unused ON uploads FOR SELECT TO assay_worker
    USING ((state = 'signed' AND usable_until < now()) OR (state = 'expired' AND object_removed_at IS NULL));
GRANT UPDATE (object_removed_at) ON uploads TO assay_worker;
