"""A Telegram data centre of our own: real MTProto to the unmodified client, and scripted users behind it."""
