"""`python -m tests.telegram`: a data centre to try the bot by hand, in a terminal.

A line is written to the bot as the user; a number presses the button of that number under the newest keyboard.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.telegram.center import DataCenter
from tests.telegram.phone import Button, Phone, Shown

HELP = "Type a text, or the number of a button. /quit ends."


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.telegram", description=__doc__)
    parser.add_argument("--name", default="Anna", help="the user's name (%(default)s)")
    parser.add_argument("--language", default="ru", help="the language of the user's phone (%(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="telegram-") as folder:
        async with DataCenter(Path(folder)) as center:
            say("Start the service with:")
            for name, value in center.environment().items():
                say(f"  export {name}='{value}'")
            phone = center.user(arguments.name, arguments.language)
            showing = asyncio.create_task(show(phone))
            try:
                say(HELP)
                while (line := await asyncio.to_thread(sys.stdin.readline)) and line.strip() != "/quit":
                    if line.strip():
                        await act(phone, line.strip())
            finally:
                showing.cancel()


async def act(phone: Phone, line: str) -> None:
    """Press a button, or write."""
    buttons = keys(phone)
    if not line.isdecimal() or not 0 < int(line) <= len(buttons):
        phone.write(line)
        return
    shown, button = buttons[int(line) - 1]
    try:
        answer = await phone.press(button, message_id=shown.id)
    except AssertionError as failure:
        say(str(failure))
    else:
        said = answer.text or answer.url
        say(f"  [{'alert' if answer.alert else 'toast'}] {said}" if said else "  [done]")


async def show(phone: Phone) -> None:
    """Print each message of the bot when it comes or changes."""
    known: dict[int, Shown] = {}
    while True:
        for shown in phone.chat:
            if shown.from_bot and known.get(shown.id) != shown:
                say(f"\n{shown}")
                if shown.buttons:
                    say("    " + "  ".join(f"{place} {b.text}" for place, (_, b) in enumerate(keys(phone), 1)))
        known = {shown.id: shown for shown in phone.chat}
        await phone.until(partial(differs, phone, known), timeout=86_400)


def differs(phone: Phone, known: dict[int, Shown]) -> bool:
    return {shown.id: shown for shown in phone.chat} != known


def keys(phone: Phone) -> list[tuple[Shown, Button]]:
    """The buttons of the newest keyboard, as they are numbered."""
    for shown in reversed(phone.chat):
        if shown.from_bot and shown.buttons:
            return [(shown, button) for row in shown.buttons for button in row]
    return []


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


asyncio.run(main())
