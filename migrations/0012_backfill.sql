-- Backfills: which stretches of Stripe's list of events were held against the log. So a run that was cut off is gone on with, and
-- what no run has seen can be named.

-- A run walks [from_s, until_s) in order of time (Unix seconds) and stands at walked_until_s: every event that Stripe lists
-- before it is in the log. `since_s` is what was asked for, which may lie further back than Stripe's list reaches. The moments
-- that were missed are those of the events that the run had to record.
CREATE TABLE backfill_runs (
  run_id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  livemode BIGINT NOT NULL,
  since_s BIGINT NOT NULL,
  from_s BIGINT NOT NULL,
  walked_until_s BIGINT NOT NULL,
  until_s BIGINT NOT NULL,
  listed BIGINT NOT NULL,
  recorded BIGINT NOT NULL,
  missed_from BIGINT,
  missed_to BIGINT,
  started_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  finished_at BIGINT
);
CREATE INDEX backfill_runs_tenant ON backfill_runs (tenant, livemode, started_at);
