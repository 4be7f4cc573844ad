-- Contests. `ends_at` is as it is now, with all that outages have moved it; `extended` tells by how much.
CREATE TABLE contests (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan       jsonb NOT NULL,                   -- a ContestPlan, as it was asked for
    questions  bigint[],                         -- the same for all; null: each student's own are drawn
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    extended   interval NOT NULL DEFAULT '0',
    created_at timestamptz NOT NULL,
    remind_at  timestamptz,                      -- null: nobody asked for it, or it is done
    CHECK (starts_at < ends_at)
);
CREATE INDEX contests_window ON contests (ends_at, starts_at);
CREATE INDEX contests_reminders ON contests (remind_at) WHERE remind_at IS NOT NULL;

CREATE TABLE contest_entries (
    contest_id bigint NOT NULL REFERENCES contests ON DELETE CASCADE,
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    joined_at  timestamptz NOT NULL,
    started    boolean NOT NULL DEFAULT false,   -- set before the training starts: then the contest is kept
    PRIMARY KEY (contest_id, user_id)
);
CREATE INDEX contest_entries_user ON contest_entries (user_id);

-- When the service was last known to accept; while no contest is open nobody looks, and it stands still.
CREATE TABLE heartbeat (
    at timestamptz NOT NULL
);
CREATE UNIQUE INDEX heartbeat_one ON heartbeat ((true));

-- Times in which nothing was accepted while a contest was open, and which contests these were.
CREATE TABLE outages (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    began    timestamptz NOT NULL,
    ended    timestamptz NOT NULL,
    contests bigint[] NOT NULL,
    settled  boolean NOT NULL DEFAULT false      -- whether every training in them has its time back
);
CREATE INDEX outages_unsettled ON outages (id) WHERE NOT settled;

ALTER TABLE trainings ADD COLUMN contest bigint,
    ADD COLUMN extended double precision NOT NULL DEFAULT 0, -- seconds that outages gave back
    ADD COLUMN untold boolean NOT NULL DEFAULT false;        -- its results are kept for the end of its contest
CREATE INDEX trainings_contest ON trainings (contest) WHERE contest IS NOT NULL;
CREATE INDEX trainings_untold ON trainings (contest) WHERE untold;
