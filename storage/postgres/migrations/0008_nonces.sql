-- What the random_ids of a broadcast's messages are made of, beside whom they go to. Ids come again, in another
-- database or after a backup was restored, and Telegram would take new messages for old ones. Those that there are
-- keep the numbers that they may have been sent with.
ALTER TABLE broadcasts ADD COLUMN nonce bigint;
UPDATE broadcasts SET nonce = id;
ALTER TABLE broadcasts ALTER COLUMN nonce SET NOT NULL;
-- Why a broadcast was paused without anybody asking for it.
ALTER TABLE broadcasts ADD COLUMN problem text;
-- When somebody who was not remembered wrote last: what was refused before says nothing any more.
ALTER TABLE chats ADD COLUMN met_at timestamptz;
