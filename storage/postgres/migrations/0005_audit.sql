-- What editors and administrators have done. Written before it is done, so nothing is done without a trace; the
-- outcome follows, and is null where a crash came between. Nobody is referenced: it outlives accounts.
CREATE TABLE audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL,
    user_id bigint NOT NULL,
    act     text NOT NULL,                    -- the name of the command
    target  text,                             -- on what: an id, a file's name
    details jsonb NOT NULL,                   -- the command's fields, without secrets and contents
    outcome text CHECK (outcome IN ('done', 'refused', 'failed')),
    reason  text
);
CREATE INDEX audit_user ON audit (user_id, id);
CREATE INDEX audit_act ON audit (act, id);
