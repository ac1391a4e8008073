-- Snapshots: states of aggregates at versions of their streams, so that a long stream is not folded from its start each time. They
-- follow from the log alone and may be deleted at any time. `shape` names the form of the state: one of another form is left alone.

CREATE TABLE snapshots (
  tenant TEXT NOT NULL,
  aggregate_id TEXT NOT NULL,
  aggregate_type TEXT NOT NULL,
  version BIGINT NOT NULL,
  shape TEXT NOT NULL,
  last_occurred_at BIGINT NOT NULL,
  last_recorded_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  kept TEXT NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY (tenant, aggregate_id, aggregate_type, version)
);

-- Up to which position of the log the snapshots that fall due have been taken.
CREATE TABLE snapshot_progress (
  singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
  position BIGINT NOT NULL
);
INSERT INTO snapshot_progress (singleton, position) VALUES (1, 0);
