-- Who has pressed a button of a mass message that begins a training: each person counts once.
ALTER TABLE deliveries ADD COLUMN pressed boolean NOT NULL DEFAULT false;
ALTER TABLE broadcasts ADD COLUMN pressed integer NOT NULL DEFAULT 0;
