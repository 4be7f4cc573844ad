-- Mass messages.
CREATE TABLE broadcasts (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state       text NOT NULL CHECK (state IN ('draft', 'scheduled', 'running', 'paused', 'finished', 'cancelled')),
    listed      boolean NOT NULL DEFAULT false, -- whether its deliveries are there, all of them
    text        text NOT NULL,
    entities    jsonb,
    buttons     jsonb NOT NULL,
    image       bytea,
    digest      text NOT NULL,
    audience    jsonb NOT NULL,
    recipients  integer NOT NULL,
    sent        integer NOT NULL DEFAULT 0,
    failed      integer NOT NULL DEFAULT 0,
    blocked     integer NOT NULL DEFAULT 0,
    reasons     jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL,
    start_at    timestamptz,
    started_at  timestamptz,
    finished_at timestamptz,
    CHECK (sent + failed + blocked <= recipients)
);
CREATE INDEX broadcasts_open ON broadcasts (state, start_at) WHERE state IN ('scheduled', 'running');

-- One row for each message of a broadcast, from its start on. There may be a million at once, so they do not
-- reference broadcasts, of which none is ever deleted.
CREATE TABLE deliveries (
    broadcast_id bigint NOT NULL,
    telegram_id  bigint NOT NULL,
    outcome      text CHECK (outcome IN ('sent', 'failed', 'blocked')), -- null: not known yet
    PRIMARY KEY (broadcast_id, telegram_id)
);
CREATE INDEX deliveries_left ON deliveries (broadcast_id, telegram_id) WHERE outcome IS NULL;
CREATE INDEX deliveries_telegram ON deliveries (telegram_id); -- for erasing a person

-- Where a training was begun, for audiences; null: not known, for it was begun before this was kept.
ALTER TABLE trainings ADD COLUMN platform text;
