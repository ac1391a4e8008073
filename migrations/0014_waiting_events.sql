-- Events of the timeline that name no customer are few, and looked for with each batch: those that wait near to what it tells of.
-- @models
CREATE INDEX customer_timeline_waiting_own
  ON customer_timeline (generation, own_key, names_customer) WHERE names_customer = 0 AND own_key IS NOT NULL;
CREATE INDEX customer_timeline_waiting_link
  ON customer_timeline (generation, link_key, names_customer) WHERE names_customer = 0 AND link_key IS NOT NULL;
CREATE INDEX customer_timeline_waiting_second_link
  ON customer_timeline (generation, second_link_key, names_customer) WHERE names_customer = 0 AND second_link_key IS NOT NULL;
