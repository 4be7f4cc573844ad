-- Reports on questions are closed with a word to whoever made them. Nobody is referenced by closed_by: it outlives
-- accounts. seen_at: whoever made it has read the word on their page.
ALTER TABLE reports ADD COLUMN closed_by bigint, ADD COLUMN answer text, ADD COLUMN seen_at timestamptz;
CREATE INDEX reports_question ON reports (question, id);
