-- Accounts: ordinary rows.
CREATE TABLE users (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login         text,                      -- null: an account without a password, as from a messenger
    password_hash text,
    name          text NOT NULL,
    language      text NOT NULL DEFAULT 'ru',
    grade         smallint,
    role          text NOT NULL DEFAULT 'student' CHECK (role IN ('student', 'editor', 'admin')),
    notifications boolean NOT NULL DEFAULT true,
    blocked       boolean NOT NULL DEFAULT false,
    telegram_id   bigint UNIQUE,
    registered_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at  timestamptz
);
-- Logins are ASCII letters; "C" makes them small ones alike under every locale of the server.
CREATE UNIQUE INDEX users_login ON users (lower(login COLLATE "C"));

CREATE TABLE tokens (
    hash       bytea PRIMARY KEY,            -- SHA-256 of the token: what leaks from here opens nothing
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX tokens_user ON tokens (user_id);
CREATE INDEX tokens_expiry ON tokens (expires_at);

CREATE TABLE link_codes (
    hash       bytea PRIMARY KEY,
    user_id    bigint NOT NULL UNIQUE REFERENCES users ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);

CREATE TABLE reports (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id     bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    question    bigint NOT NULL,
    subject     text NOT NULL,
    text        text NOT NULL,
    reported_at timestamptz NOT NULL DEFAULT now(),
    closed_at   timestamptz
);
CREATE INDEX reports_user ON reports (user_id, reported_at);
CREATE INDEX reports_open ON reports (subject, id) WHERE closed_at IS NULL;

-- The journal: the one truth of all trainings. The primary key is the fence against a stale or doubled writer.
-- There is one writer at a time (it holds an advisory lock), so positions grow in the order of commits.
CREATE TABLE journal (
    user_id  bigint NOT NULL,
    seq      integer NOT NULL,
    position bigint GENERATED ALWAYS AS IDENTITY,
    data     jsonb NOT NULL,                 -- an event of protocols.messages; `at` in it is in microseconds
    PRIMARY KEY (user_id, seq)
);
CREATE UNIQUE INDEX journal_position ON journal (position);

CREATE TABLE snapshots (
    user_id bigint PRIMARY KEY,
    seq     integer NOT NULL,
    state   bytea NOT NULL
);

-- How far each relay that keeps its effects in PostgreSQL has come; it moves in the transaction of the effect.
CREATE TABLE checkpoints (
    relay    text PRIMARY KEY,
    position bigint NOT NULL
);

-- Steps that were refused for good, for an administrator to see.
CREATE TABLE parked (
    relay    text NOT NULL,
    position bigint NOT NULL,
    reason   text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (relay, position)
);

-- Read models, made from the journal.
CREATE TABLE trainings (
    id          text PRIMARY KEY,
    user_id     bigint NOT NULL,
    number      integer NOT NULL,            -- the user's first, second, … training
    subject     text NOT NULL,
    mode        text NOT NULL,
    questions   bigint[] NOT NULL,
    started_at  timestamptz NOT NULL,
    deadline    timestamptz,
    finished_at timestamptz,
    skipped     bigint[] NOT NULL DEFAULT '{}', -- questions as they were skipped; one answered later stays in it
    UNIQUE (user_id, number)
);
CREATE INDEX trainings_overdue ON trainings (deadline) WHERE finished_at IS NULL AND deadline IS NOT NULL;

CREATE TABLE answers (
    training text NOT NULL,
    question bigint NOT NULL,
    user_id  bigint NOT NULL,
    subject  text NOT NULL,
    topic    text NOT NULL,
    kind     text NOT NULL,
    response jsonb,
    score    double precision NOT NULL,
    seconds  double precision NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (training, question)
);
CREATE INDEX answers_user ON answers (user_id, at);

-- A day of one user in one topic: what statistics and leaderboards add up, instead of single answers.
CREATE TABLE days (
    user_id  bigint NOT NULL,
    subject  text NOT NULL,
    topic    text NOT NULL,
    day      date NOT NULL,
    answered integer NOT NULL,
    correct  integer NOT NULL,
    score    double precision NOT NULL,
    seconds  double precision NOT NULL,
    PRIMARY KEY (user_id, subject, topic, day)
);
CREATE INDEX days_subject ON days (subject, day) INCLUDE (user_id, answered, score);
