"""The bot: hands what comes from Telegram to the screen that it is meant for."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from zoneinfo import ZoneInfo

import structlog
from cachetools import LRUCache
from pydantic import TypeAdapter, ValidationError

from protocols.catalogue import LANGUAGES, texts
from protocols.messages import (
    Chat,
    Done,
    FindChats,
    Forbidden,
    FoundChats,
    Language,
    MarkUnreachable,
    MeetChat,
    NoteBroadcastPress,
    NotFound,
    PersonName,
    Refusal,
    Unavailable,
)
from protocols.telegram import metrics
from protocols.telegram.callbacks import (
    Choose,
    Go,
    OfBroadcast,
    OfContest,
    OfQuestion,
    OfReviewed,
    OfSubject,
    Pressable,
    Review,
    decode,
)
from protocols.telegram.screens import (
    account,
    broadcast,
    contests,
    figures,
    menu,
    refusals,
    reporting,
    setup,
    start,
    subjects,
    training,
)
from protocols.telegram.turn import Asked, Sends, Turn, identity_of, person_name, random_id_of
from protocols.telegram.values import Blocked, Incoming, Outgoing, Pressed, Styled, Unreachable, Wrote

log = structlog.get_logger(__name__)

REMEMBERED_PRESSES = 10_000
ELSEWHERE: Language = "en"  # is spoken with people of all other languages
LONGEST_WORD = 64  # of a command and of what follows it
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_NAME: TypeAdapter[str] = TypeAdapter(PersonName)


class Bot:
    """Calls of `handle` for one chat come one after another, for different chats at the same time.

    Times are told in `zone`.
    """

    def __init__(self, ask: Asked, sender: Sends, zone: ZoneInfo) -> None:
        self._ask = ask
        self._sender = sender
        self._zone = zone
        self._followers: dict[int, asyncio.Task[None]] = {}  # by chat: progress bars that edit themselves
        self._handled: set[int] | None = set()  # chats that came first; None once the bars of before go on
        self._answered: LRUCache[int, None] = LRUCache(REMEMBERED_PRESSES)  # that failed after they were answered

    async def begin(self) -> None:
        """Let progress bars go on as before, and register the commands in every language.

        Raises an `Undelivered` or a `Refusal`: it is to be done again.
        """
        if self._handled is not None:
            chats = await self._ask(FindChats(remembering="follows"))
            assert isinstance(chats, FoundChats)
            for chat in chats.items:
                if chat.telegram not in self._handled:  # else that has decided it
                    self._follow(chat)
            self._handled = None
        for language in LANGUAGES:
            t = texts(language, self._zone)
            commands = {name: t(text) for name, text in menu.COMMANDS.items()}
            await self._sender.set_commands(language, commands)
            if language == ELSEWHERE:
                await self._sender.set_commands("", commands)

    async def close(self) -> None:
        """Leave the progress bars as they are."""
        for telegram in tuple(self._followers):
            await self._unfollow(telegram)

    async def handle(self, incoming: Incoming) -> None:
        """Do what somebody wants and show them. The same may come again, after a crash too: nothing is done twice.

        Raises:
            Unavailable, Offline, Flooded: it is to be handled again in a moment.
            Undelivered: Telegram does not take what should be shown.
        """
        if isinstance(incoming, Blocked):
            if incoming.stopped:
                await self._mark_unreachable(incoming.telegram, deleted=False)
            return
        if self._handled is not None:
            self._handled.add(incoming.sender.peer.telegram)
        await self._unfollow(incoming.sender.peer.telegram)
        turn = Turn(self._ask, self._sender, await self._meet(incoming), incoming, self._zone)
        try:
            try:
                await self._take(turn, incoming)
            except Refusal as refusal:
                await self._sorry(turn, refusal)
            await turn.toast("")
            self._follow(turn.chat)
        except Unreachable as error:
            await self._mark_unreachable(incoming.sender.peer.telegram, deleted=error.deleted)
        except BaseException:  # cancelled too, when it takes too long
            if isinstance(incoming, Pressed) and turn.toasted:
                self._answered[incoming.query] = None
            raise

    async def apologise(self, incoming: Incoming) -> None:
        """Say that something went wrong. Raises an `Undelivered`."""
        if isinstance(incoming, Blocked):
            return
        await self._tell(incoming, refusals.later(texts(incoming.sender.language, self._zone)))

    async def refuse(self, incoming: Incoming) -> None:
        """Say that this was not read, nor what came after it. Raises an `Undelivered`."""
        if not isinstance(incoming, Blocked):
            await self._tell(incoming, refusals.too_much(texts(incoming.sender.language, self._zone)))

    async def _tell(self, incoming: Wrote | Pressed, sentence: str) -> None:
        if isinstance(incoming, Pressed) and incoming.query not in self._answered:
            await self._sender.answer(incoming.query, sentence, True)
        else:
            random_id = random_id_of(f"apology {identity_of(incoming)}")
            await self._sender.send(incoming.sender.peer, Outgoing(Styled(sentence)), random_id)

    async def _sorry(self, turn: Turn, refusal: Refusal) -> None:
        """Say that something was not done, and why. The screen stays as it is, so it can be tried again."""
        sentence = refusals.sorry(turn.t, refusal)
        if isinstance(turn.incoming, Pressed) and not turn.toasted:
            await turn.toast(sentence, alert=True)
        elif isinstance(turn.incoming, Wrote) and isinstance(refusal, Unavailable):
            raise refusal  # what was typed is not typed again: it is handled when the service can
        else:
            await turn.say(sentence)

    async def _meet(self, incoming: Wrote | Pressed) -> Chat:
        sender = incoming.sender
        chat = await self._ask(
            MeetChat(
                telegram=sender.peer.telegram,
                access_hash=sender.peer.access_hash,
                name=person_name(sender.name),
                language=sender.language,
            )
        )
        assert isinstance(chat, Chat)
        return chat

    async def _mark_unreachable(self, telegram: int, *, deleted: bool) -> None:
        await self._ask(MarkUnreachable(telegram=telegram, deleted=deleted))

    def _follow(self, chat: Chat) -> None:
        """If its screen shows the progress of a mass message, let it go on."""
        number, telegram = chat.state.get("follows"), chat.telegram
        if not isinstance(number, int):
            return
        task = asyncio.create_task(broadcast.follow(self._ask, self._sender, chat, number, self._zone))
        self._followers[telegram] = task
        task.add_done_callback(lambda ended: self._followed(telegram, ended))

    def _followed(self, telegram: int, ended: asyncio.Task[None]) -> None:
        if self._followers.get(telegram) is ended:
            del self._followers[telegram]
        if not ended.cancelled() and (error := ended.exception()) is not None:
            log.warning("the progress of a mass message is not shown any more", telegram=telegram, why=repr(error))

    async def _unfollow(self, telegram: int) -> None:
        """The screen is about to show something else."""
        task = self._followers.pop(telegram, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    # --- What is meant -------------------------------------------------------------------------------------

    async def _take(self, turn: Turn, incoming: Wrote | Pressed) -> None:
        if turn.chat.blocked:
            sentence = refusals.blocked(turn.t)
            if isinstance(incoming, Pressed):
                await turn.toast(sentence, alert=True)
            else:
                await turn.say(sentence)
        elif isinstance(incoming, Pressed):
            meant = decode(incoming.data)
            if meant is None:
                await turn.toast(turn.t("This button does not work any more."))
                await self._current(turn)
            else:
                await self._press(turn, meant)
        else:
            await self._typed(turn, incoming)

    async def _current(self, turn: Turn, *, notice: str = "", below: bool = False) -> None:
        """Where the student is: at the question that is asked, or in the menu."""
        try:
            open_training = await turn.open_training()
        except NotFound:
            await menu.open_menu(turn, notice=notice, below=below)
        else:
            await training.show_question(turn, open_training, notice=notice, below=below)

    async def _press(self, turn: Turn, meant: Pressable) -> None:
        match meant:
            case OfQuestion():
                await training.press(turn, meant)
            case Go():
                await self._go(turn, meant)
            case OfSubject():
                await self._of_subject(turn, meant)
            case Review():
                await training.review(turn, meant)
            case OfReviewed():
                await training.press_reviewed(turn, meant)
            case Choose():
                await self._choose(turn, meant)
            case OfContest():
                await contests.press(turn, meant)
            case OfBroadcast():
                await broadcast.press(turn, meant)

    async def _go(self, turn: Turn, meant: Go) -> None:
        match meant.place:
            case "menu":
                await menu.open_menu(turn)
            case "continue":
                await training.go_on(turn)
            case "subjects":
                await subjects.open_subjects(turn)
            case "favorites" | "mistakes":
                await subjects.open_subjects(turn, meant.place)
            case "contests":
                await contests.open_contests(turn)
            case "boards":
                await subjects.open_subjects(turn, "board")
            case "statistics":
                await figures.open_statistics(turn)
            case "help":
                await menu.open_help(turn)
            case "settings":
                await account.open_settings(turn)
            case "name":
                await start.ask_name(turn)
            case "grade":
                await start.ask_grade(turn)
            case "language":
                turn.expect_nothing()
                await turn.show(account.languages_screen(turn.t))
            case "link":
                await account.open_link(turn)
            case "export":
                await account.export(turn)
            case "erase":
                await turn.show(account.erase_screen(turn.t))
            case "erase-again":
                await turn.show(account.erase_again_screen(turn.t))
            case "erase-now":
                await account.erase(turn)
            case "broadcast":
                await broadcast.open_broadcasts(turn)

    async def _of_subject(self, turn: Turn, meant: OfSubject) -> None:
        if meant.verb == "announced":
            turn.leave_pressed()
        subject = await subjects.subject_by_token(turn, meant.token)
        if meant.verb == "announced":
            metrics.CLICKS.labels(subject.slug).inc()
            if _NUMBER.fullmatch(meant.value):
                await turn.ask(NoteBroadcastPress(user=turn.user, broadcast=int(meant.value)), Done)
                meant = replace(meant, value="")
        match meant.verb:
            case "open":
                await subjects.open_subject(turn, subject)
            case "board":
                await figures.open_leaderboard(turn, subject, meant.value)
            case "quick" | "favorites" | "mistakes" | "start" | "weakest" | "announced":
                await setup.press_start(turn, subject, meant)
            case _:
                await setup.press_setup(turn, subject, meant)

    async def _choose(self, turn: Turn, meant: Choose) -> None:
        met = bool(turn.state.get("met"))
        match meant:
            case Choose("language", ("ru" | "en") as language):
                await (account.change(turn, language=language) if met else start.choose_language(turn, language))
            case Choose("name", _):
                await self._name(turn, turn.incoming.sender.name)
            case Choose("grade", value) if value == start.NOT_AT_SCHOOL or value in map(str, start.GRADES):
                grade = None if value == start.NOT_AT_SCHOOL else int(value)
                await (account.change(turn, grade=grade) if met else start.choose_grade(turn, grade))
            case Choose("notify", ("on" | "off") as value):
                await account.change(turn, notifications=value == "on")
            case Choose("days", period):
                await figures.open_statistics(turn, period)
            case Choose("grade", _) if isinstance(turn.incoming, Wrote):
                await start.ask_grade(turn, notice=turn.t(start.GRADE_WANTED))
            case _:
                await turn.toast(turn.t("This button does not work any more."))

    async def _name(self, turn: Turn, given: str) -> None:
        """A name, typed or as Telegram tells it; a step of the beginning, or a change."""
        met = bool(turn.state.get("met"))
        try:
            name = _NAME.validate_python(
                " ".join(given.split()) if isinstance(turn.incoming, Wrote) else person_name(given)
            )
        except ValidationError:
            await start.ask_name(turn, notice=turn.t(start.NAME_WANTED))
            return
        if met:
            await account.change(turn, name=name)
        else:
            await start.choose_name(turn, name)

    async def _typed(self, turn: Turn, wrote: Wrote) -> None:
        handled = turn.state.get("handled")
        if isinstance(handled, int) and wrote.message <= handled:
            return  # it was dealt with to the end: that is written down last
        if wrote.other == "album":
            return  # up to ten at once; a word to each would be nine too many
        text = wrote.text.strip()
        if text.startswith("/") and wrote.picture is None:
            await self._command(turn, text)
            if not text.startswith("/start"):  # where a chat begins
                await turn.delete_typed()
            return
        expected = turn.expected
        if expected["what"] == "broadcast" and wrote.other is None:
            try:
                await broadcast.compose(turn, wrote, expected.get("number"))
            except Forbidden as refusal:  # an administrator once
                turn.expect_nothing()
                await self._current(turn, notice=refusals.sorry(turn.t, refusal), below=True)
            return
        if wrote.other is not None or wrote.picture is not None or not text:
            await self._puzzled(turn)
            return
        match expected["what"]:
            case "answer":
                await training.typed(turn, text, expected)
            case "report":
                if refused := await reporting.report(turn, text):
                    await self._current(turn, notice=refused)
            case "name":
                await self._name(turn, text)
            case "grade":
                await self._choose(turn, Choose("grade", text if text.isascii() and len(text) <= 2 else ""))
            case "code":
                await account.link(turn, text)
            case _:
                await self._puzzled(turn)
                return
        await turn.delete_typed()  # only now: until it is taken, it stays to be seen

    async def _puzzled(self, turn: Turn) -> None:
        """A message that nobody waits for: say what can be done, and show where the student is."""
        notice = turn.t("I understand buttons, commands, and answers to questions. 🙂")
        match turn.expected["what"]:
            case "name":
                await start.ask_name(turn, notice=turn.t(start.NAME_WANTED), below=True)
            case "report":
                await reporting.ask_report_again(turn)
            case "code":
                await account.open_link(turn, below=True)
            case _ if not turn.state.get("met"):
                await start.go_on(turn)
            case _:
                await self._current(turn, notice=notice, below=True)

    async def _command(self, turn: Turn, text: str) -> None:
        word, _, rest = text[1:].partition(" ")
        argument = rest.strip()[:LONGEST_WORD]
        match word[:LONGEST_WORD].partition("@")[0].lower():
            case "start":
                await start.start(turn, argument)
            case _ if not turn.state.get("met"):
                await start.go_on(turn)
            case "menu" | "cancel":
                await menu.open_menu(turn, below=True)
            case "subjects":
                await subjects.open_subjects(turn, below=True)
            case "continue":
                await training.go_on(turn, below=True)
            case "statistics":
                await figures.open_statistics(turn, below=True)
            case "settings" | "profile":
                await account.open_settings(turn, below=True)
            case "help":
                await menu.open_help(turn, below=True)
            case "broadcast":
                await broadcast.open_broadcasts(turn, below=True)
            case "link" if argument:
                await account.link(turn, argument, below=True)
            case "link":
                await account.open_link(turn, below=True)
            case _:
                await self._puzzled(turn)
