"""How a broadcast is sent: to everyone once, whatever happens on the way."""

from tests.broadcasts.stand import Stand


async def test_everyone_gets_it_once(stand: Stand) -> None:
    await stand.people(*range(1, 121))
    stand.start()
    broadcast = await stand.create("Hello")
    await stand.begin(broadcast)
    done = await stand.finished(broadcast)
    assert (done.recipients, done.sent, done.failed, done.blocked, done.left) == (120, 120, 0, 0, 0)
    assert all(stand.telegram.received(person) == ["Hello"] for person in range(1, 121))
    assert len(stand.telegram.calls) == 120
