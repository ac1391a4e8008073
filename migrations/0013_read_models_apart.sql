-- Who follows the log beside projections (sagas, brokers), and how far: what they did cannot be made again, as read models can.
-- @sqlite
CREATE TABLE followers (
  name TEXT PRIMARY KEY,
  position BIGINT NOT NULL
);
INSERT INTO followers (name, position)
SELECT projection, position FROM checkpoints WHERE projection = 'saga_runtime' OR projection LIKE 'publish %';
DELETE FROM checkpoints WHERE projection = 'saga_runtime' OR projection LIKE 'publish %';
DELETE FROM projections WHERE name = 'saga_runtime';

-- @postgresql
-- Replicas of the version before run on meanwhile, and claim these rows where they are.
CREATE VIEW followers AS
SELECT projection AS name, generation, position FROM checkpoints WHERE projection = 'saga_runtime' OR projection LIKE 'publish %';
ALTER VIEW followers ALTER COLUMN generation SET DEFAULT 1;

-- On SQLite read models have a file of their own, so that its writer and the log's do not wait for each other.
-- @sqlite log
DROP TABLE subscriptions;
DROP TABLE ledger_sightings;
DROP TABLE ledger_entries;
DROP TABLE ledger_entries_occurred;
DROP TABLE ledger_entries_recorded;
DROP TABLE event_counts;
DROP TABLE customers;
DROP TABLE invoices;
DROP TABLE customer_timeline;
DROP TABLE revenue_subscriptions;
DROP TABLE revenue_movements;
DROP TABLE account_balance;
DROP TABLE sagas;
DROP TABLE dead_letters;
DROP TABLE checkpoints;
DROP TABLE projections;

-- @sqlite models
-- The log's head when these were last written: what they are made from.
CREATE TABLE made_from (
  position INTEGER NOT NULL,
  checksum TEXT NOT NULL
);
INSERT INTO made_from (position, checksum) VALUES (0, '');
DROP TABLE events;
DROP TABLE log_head;
DROP TABLE commands;
DROP TABLE snapshots;
DROP TABLE snapshot_progress;
DROP TABLE branches;
DROP TABLE branch_events;
DROP TABLE backfill_runs;
DROP TABLE followers;
DELETE FROM checkpoints;
DELETE FROM projections;
