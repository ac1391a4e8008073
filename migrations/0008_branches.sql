-- Branches: alternative timelines for what-if questions. One is the main log up to its fork and then events of its own; nothing of
-- the log is copied, and unlike the log a branch may be deleted. Its ID is never used again, so that whatever remembers something of
-- a branch that is gone cannot take another for it.

CREATE TABLE branches (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  from_position BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  -- Of its own events, and where the next goes on: the last event's checksum and time, at first those of the event at the fork.
  events BIGINT NOT NULL,
  payload_bytes BIGINT NOT NULL,
  tip_checksum TEXT NOT NULL,
  tip_recorded_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX branches_name ON branches (tenant, name);

-- The columns of `events`. Positions, versions and checksums go on from the fork.
CREATE TABLE branch_events (
  branch TEXT NOT NULL,
  position BIGINT NOT NULL,
  id TEXT NOT NULL,
  tenant TEXT NOT NULL,
  aggregate_type TEXT NOT NULL,
  aggregate_id TEXT NOT NULL,
  version BIGINT NOT NULL,
  event_type TEXT NOT NULL,
  source TEXT NOT NULL,
  schema_version BIGINT NOT NULL,
  metadata TEXT NOT NULL,
  caused_by TEXT,
  occurred_at BIGINT NOT NULL,
  recorded_at BIGINT NOT NULL,
  checksum TEXT NOT NULL,
  payload_bytes BIGINT NOT NULL,
  payload TEXT NOT NULL,
  PRIMARY KEY (branch, position)
);
CREATE UNIQUE INDEX branch_events_stream ON branch_events (branch, aggregate_id, aggregate_type, version);
CREATE UNIQUE INDEX branch_events_stripe_event ON branch_events (branch, caused_by) WHERE source = 'stripe';
