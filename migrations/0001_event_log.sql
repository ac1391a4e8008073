-- The append-only log and its head. The log is the only truth: a verified event is recorded here once, unchanged, and all
-- else is computed from it. The head is one row that every append locks before it takes positions, so that positions are in
-- commit order on any number of writers, and that names the last event, so that a cut-off tail is noticed.

-- @sqlite
CREATE TABLE events (
  position INTEGER PRIMARY KEY CHECK (position > 0),
  id TEXT NOT NULL,
  tenant TEXT NOT NULL,
  aggregate_type TEXT NOT NULL,
  aggregate_id TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version > 0),
  event_type TEXT NOT NULL,
  source TEXT NOT NULL CHECK (source IN ('stripe', 'command', 'saga', 'api')),
  schema_version INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  caused_by TEXT,
  occurred_at INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL,
  checksum TEXT NOT NULL,
  payload_bytes INTEGER NOT NULL,
  payload TEXT NOT NULL
);
-- @postgresql
CREATE TABLE events (
  position bigint PRIMARY KEY CHECK (position > 0),
  id text NOT NULL,
  tenant text NOT NULL,
  aggregate_type text NOT NULL,
  aggregate_id text NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  event_type text NOT NULL,
  source text NOT NULL CHECK (source IN ('stripe', 'command', 'saga', 'api')),
  schema_version integer NOT NULL,
  metadata text NOT NULL,
  caused_by text,
  occurred_at bigint NOT NULL,
  recorded_at bigint NOT NULL,
  checksum text NOT NULL,
  payload_bytes bigint NOT NULL,
  payload text NOT NULL
);
-- lz4 costs half the CPU of pglz for these texts; a server built without it keeps its default.
DO $$
BEGIN
  ALTER TABLE events ALTER COLUMN payload SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported OR invalid_parameter_value THEN
  NULL;
END
$$;
-- Rows of a few KB are compressed and kept out of line, which would cost a second table and index an event: keep them inline.
ALTER TABLE events ALTER COLUMN payload SET STORAGE MAIN;

-- @both
-- A Stripe event is recorded once a tenant, whatever delivers it again.
CREATE UNIQUE INDEX events_stripe_event ON events (tenant, caused_by) WHERE source = 'stripe';
CREATE INDEX events_caused_by ON events (tenant, caused_by) WHERE source <> 'stripe';
-- A stream has each version once; its events are found with or without the aggregate's type.
CREATE UNIQUE INDEX events_stream ON events (tenant, aggregate_id, aggregate_type, version);

CREATE TABLE log_head (
  singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
  position BIGINT NOT NULL,
  checksum TEXT NOT NULL
);
INSERT INTO log_head (singleton, position, checksum)
VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- @sqlite
-- The database itself refuses to change the log. REPLACE would delete rows without firing a delete trigger, hence the
-- look at each unique key before an insert.
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN
  SELECT RAISE(ABORT, 'the log is append-only: UPDATE refused');
END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN
  SELECT RAISE(ABORT, 'the log is append-only: DELETE refused');
END;
CREATE TRIGGER events_no_replace BEFORE INSERT ON events
WHEN NEW.position IS NOT (SELECT coalesce(max(position), 0) + 1 FROM events)
  OR EXISTS (SELECT 1 FROM events WHERE tenant = NEW.tenant AND aggregate_id = NEW.aggregate_id
             AND aggregate_type = NEW.aggregate_type AND version = NEW.version)
  OR (NEW.source = 'stripe' AND EXISTS (SELECT 1 FROM events WHERE tenant = NEW.tenant AND caused_by = NEW.caused_by
                                        AND source = 'stripe'))
BEGIN
  SELECT RAISE(ABORT, 'the log is append-only: an insert must take the next position and replace nothing');
END;
CREATE TRIGGER log_head_no_delete BEFORE DELETE ON log_head BEGIN
  SELECT RAISE(ABORT, 'the head of the log cannot be deleted');
END;
-- @postgresql
CREATE FUNCTION billhook_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the log is append-only: % on % refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION billhook_refuse();
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION billhook_refuse();
CREATE TRIGGER log_head_no_delete BEFORE DELETE ON log_head FOR EACH ROW EXECUTE FUNCTION billhook_refuse();
CREATE TRIGGER log_head_no_truncate BEFORE TRUNCATE ON log_head FOR EACH STATEMENT EXECUTE FUNCTION billhook_refuse();
