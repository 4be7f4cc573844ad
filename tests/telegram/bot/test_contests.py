"""A contest on a phone: found in the menu, taken part in, and not lost by starting something else."""

from __future__ import annotations

from itertools import count

from tests.api.banks import Bank
from tests.api.client import Client
from tests.contests.school import planned, with_role
from tests.telegram.bot.student import labels, newcomer
from tests.telegram.center import DataCenter

NAMES = count(1)


async def test_a_contest_is_found_begun_and_ranked(center: DataCenter, guest: Client, bank: Bank) -> None:
    admin = await with_role(guest, "admin", f"admin-of-bot-contests-{next(NAMES)}")
    student = await newcomer(center, "Anna", "en")
    title = "First <round> of *all*"
    await planned(admin, bank.subject, title=title, rules="Be **fair**.", questions=["single", "number"])
    await student.press("Contests")
    await student.press(title)
    shown = await student.sees(lambda one: "Be fair." in one.text)
    assert title in shown.text
    assert "It is on" in shown.text
    assert "(Moscow, UTC+3)" in shown.text
    await student.press("Start")
    await student.sees(lambda one: "Question single" in str(one))

    student.write(f"/start subject_{bank.subject}")
    await student.press("Quick start")
    await student.sees(lambda one: "finish its training first" in str(one) and "Question single" in str(one))

    await student.press("B")
    await student.sees(lambda one: "Question number" in str(one))
    student.write("0.5")
    await student.sees(lambda one: "2 of 2 points" in one.text)
    await student.press("Leaders")
    shown = await student.sees(lambda one: "Your place: 1" in one.text)
    assert "1. Anna — points: 2" in shown.text
    assert "✓ You have taken part" in shown.text
    assert shown.button("Go on") is None
    await student.press("Results")
    await student.sees(lambda one: "2 of 2 points" in one.text)


async def test_who_has_ended_a_contest_early_waits_for_its_results(
    center: DataCenter, guest: Client, bank: Bank
) -> None:
    admin = await with_role(guest, "admin", f"admin-of-bot-contests-{next(NAMES)}")
    student = await newcomer(center, "Анна")
    await planned(admin, bank.subject, title="Тайна", questions=["single"], results_hidden=True)
    await student.press("Олимпиады")
    await student.press("Тайна")
    await student.press("Начать")
    await student.press("B")
    await student.sees("Результаты станут известны в конце")
    await student.press("Олимпиады")
    await student.press("✓ Тайна")
    shown = await student.sees("✓ Вы приняли участие")
    assert labels(shown) == ["‹ Олимпиады", "☰ Меню"]
