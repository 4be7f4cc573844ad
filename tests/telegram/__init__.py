"""A Telegram data centre of our own: real MTProto to the unmodified client, and scripted users behind it.

    async with DataCenter(folder) as center:
        ... start the service with center.environment() in its environment ...
        await center.online()
        anna = center.user("Anna", language="en")
        anna.write("/start")
        await anna.sees("Welcome")
        answer = await anna.press("Biology")
        assert anna.spinning == ()

By hand: `python -m tests.telegram`.

transport, connection   packets out of a byte stream, whatever comes
exchange, rsa           the making of an authorization key
session                 encrypted messages: salts, numbers, containers, acks
api, limits, files      the methods a bot calls, and Telegram's refusals
accounts, phone         what Telegram keeps of the bot, and what the users do and see
center                  all of it put together, and the tricks that tests play
client, bare            Pyrogram told of this address, and a client that says exactly what it is told to
"""
