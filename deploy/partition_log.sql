-- Splits the log into partitions by position, for databases whose log outgrows one table; docs/scaling.md says what that costs.
-- With every billhook stopped, as the owner of the tables:
--   psql -v ON_ERROR_STOP=1 -1 -f deploy/partition_log.sql "$DATABASE_URL"
--   SELECT billhook_add_log_partition(20000000);    -- from where the last one ends up to here; now and then, well ahead of the log
-- Uniqueness of Stripe events and of versions holds within each partition by index, and across them because every append looks
-- for both under the log's own lock.

CREATE FUNCTION billhook_protect_log_partition(partition text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION billhook_refuse()', partition);
END
$$;

CREATE FUNCTION billhook_make_log_partition(partition text, bounds text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE %I PARTITION OF events %s', partition, bounds);
  EXECUTE format('CREATE UNIQUE INDEX ON %I (tenant, caused_by) WHERE source = ''stripe''', partition);
  EXECUTE format('CREATE INDEX ON %I (tenant, caused_by) WHERE source <> ''stripe''', partition);
  EXECUTE format('CREATE UNIQUE INDEX ON %I (tenant, aggregate_id, aggregate_type, version)', partition);
  PERFORM billhook_protect_log_partition(partition);
END
$$;

-- Where the last partition with bounds ends: positions from here on have none yet.
CREATE TABLE billhook_log_partitions (singleton integer PRIMARY KEY CHECK (singleton = 1), upper bigint NOT NULL);

CREATE FUNCTION billhook_add_log_partition(upper_position bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  lower_position bigint;
BEGIN
  SELECT upper INTO STRICT lower_position FROM billhook_log_partitions WHERE singleton = 1 FOR UPDATE;
  PERFORM billhook_make_log_partition('events_from_' || lower_position,
                                      format('FOR VALUES FROM (%s) TO (%s)', lower_position, upper_position));
  UPDATE billhook_log_partitions SET upper = upper_position WHERE singleton = 1;
END
$$;

-- What there is becomes the first partition, where it lies.
DO $$
DECLARE
  next_position bigint;
BEGIN
  LOCK TABLE log_head, events IN ACCESS EXCLUSIVE MODE;
  -- A range holds at least one position: of an empty log the first event still comes into the first partition.
  SELECT greatest(position + 1, 2) INTO STRICT next_position FROM log_head;
  DROP TRIGGER events_append_only ON events;
  ALTER TABLE events RENAME TO events_from_1;
  CREATE TABLE events (LIKE events_from_1 INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION) PARTITION BY RANGE (position);
  ALTER TABLE events ADD PRIMARY KEY (position);
  EXECUTE format('ALTER TABLE events_from_1 ADD CONSTRAINT within_bounds CHECK (position < %s)', next_position);
  EXECUTE format('ALTER TABLE events ATTACH PARTITION events_from_1 FOR VALUES FROM (1) TO (%s)', next_position);
  ALTER TABLE events_from_1 DROP CONSTRAINT within_bounds;
  CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION billhook_refuse();
  PERFORM billhook_protect_log_partition('events');
  -- What nobody made a partition for in time lands here; move it on before adding one.
  PERFORM billhook_make_log_partition('events_beyond', 'DEFAULT');
  INSERT INTO billhook_log_partitions VALUES (1, next_position);
END
$$;
