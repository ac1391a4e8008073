-- How fast a rebuild goes: since when, and from which position on, the process that does it has been at it. A rebuild that is
-- taken up again after a crash or by another process is measured anew, so that the time it was left alone does not count.

ALTER TABLE projections ADD COLUMN rebuild_resumed_at BIGINT;
ALTER TABLE projections ADD COLUMN rebuild_resumed_from BIGINT;
