-- An account that has become part of another: it only says of which. What was its own went along.
ALTER TABLE users ADD COLUMN joined_into bigint REFERENCES users ON DELETE CASCADE;
CREATE INDEX users_joined ON users (joined_into) WHERE joined_into IS NOT NULL;
-- Whom mass messages may go to.
CREATE INDEX users_notified ON users (id) INCLUDE (telegram_id)
    WHERE telegram_id IS NOT NULL AND notifications AND NOT blocked;

-- Private chats with the bot; each belongs to the user who has its telegram_id. That is checked at the end of a
-- transaction, so that within one a Telegram account can go from one user to another.
CREATE TABLE chats (
    telegram_id       bigint PRIMARY KEY REFERENCES users (telegram_id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    access_hash       bigint NOT NULL,
    state             jsonb NOT NULL DEFAULT '{}', -- the bot's own memory of the chat
    unreachable_since timestamptz,
    unreachable_why   text CHECK (unreachable_why IN ('blocked', 'deleted')),
    CHECK ((unreachable_since IS NULL) = (unreachable_why IS NULL))
) WITH (fillfactor = 80);                          -- the state changes with every press of a button
CREATE INDEX chats_reachable ON chats (telegram_id) WHERE unreachable_since IS NULL;

-- How far Telegram's updates of a bot were handled.
CREATE TABLE updates_state (
    bot  bigint PRIMARY KEY,
    pts  bigint NOT NULL,
    qts  bigint NOT NULL,
    date bigint NOT NULL,
    seq  bigint NOT NULL
);

-- Accounts that are being joined: from the moment this is decided until it is done. They are driven to the end
-- even when one of the users is erased meanwhile, so nothing is referenced.
CREATE TABLE joins (
    source   bigint PRIMARY KEY,
    target   bigint NOT NULL UNIQUE,
    asked_at timestamptz NOT NULL DEFAULT now()
);
