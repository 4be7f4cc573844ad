-- The key of the request that made it, behind its user: who asks again, not knowing what became of it, makes no second.
ALTER TABLE reports ADD COLUMN request text UNIQUE;
ALTER TABLE broadcasts ADD COLUMN request text UNIQUE;
