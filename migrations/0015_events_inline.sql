-- While a payload that stays inline is not compressed yet, PostgreSQL takes the other texts of its row out of line, one after the
-- other, to make the row small: four rows of a second table and of its index an event, to be found again by who reads it.
-- @postgresql
ALTER TABLE events
  ALTER COLUMN id SET STORAGE MAIN,
  ALTER COLUMN tenant SET STORAGE MAIN,
  ALTER COLUMN aggregate_type SET STORAGE MAIN,
  ALTER COLUMN aggregate_id SET STORAGE MAIN,
  ALTER COLUMN event_type SET STORAGE MAIN,
  ALTER COLUMN source SET STORAGE MAIN,
  ALTER COLUMN metadata SET STORAGE MAIN,
  ALTER COLUMN caused_by SET STORAGE MAIN,
  ALTER COLUMN checksum SET STORAGE MAIN;
