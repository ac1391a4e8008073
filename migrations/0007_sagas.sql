-- Sagas: the read model of where each of them stands, which is also where the runtime looks for those whose time has come, and
-- how far the runtime has followed the log.

CREATE TABLE sagas (
  generation BIGINT NOT NULL,
  row_key TEXT NOT NULL,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  saga_type TEXT NOT NULL,
  status TEXT NOT NULL,
  due_at BIGINT,
  version BIGINT NOT NULL,
  state TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (generation, row_key)
);
CREATE INDEX sagas_id ON sagas (generation, tenant, id);
CREATE INDEX sagas_status ON sagas (generation, tenant, status, id);
CREATE INDEX sagas_due ON sagas (generation, due_at) WHERE due_at IS NOT NULL;

-- The runtime follows the log as a projection does, with a checkpoint and the right that one process at a time has to go on,
-- but nothing ever rebuilds it: it acts on events as they are recorded. What is in the log by now belongs to the past.
INSERT INTO projections (name, version, live_generation, next_generation) VALUES ('saga_runtime', 1, 1, 2);
INSERT INTO checkpoints (projection, generation, position) SELECT 'saga_runtime', 1, position FROM log_head;
