"""Who answers what, besides the sessions: a table for each room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from pykka import ActorDeadError, ActorRef

from actors.accounts import Accounts
from actors.administration import Administration
from actors.analytics.desk import AnalyticsDesk
from actors.audit import AuditLog
from actors.bank import Bank
from actors.bank_checks import BankChecks
from actors.bank_desk import BankDesk
from actors.broadcast_desk import BroadcastDesk
from actors.broadcaster import Broadcaster
from actors.chats import Chats
from actors.contests import ContestDesk
from actors.figures import Desk as Figures
from actors.history import History
from actors.joining import Joining
from actors.reports import ReportDesk
from actors.router import Handler
from actors.runtime import MailboxFull
from protocols import messages as m

Asked: TypeAlias = Callable[[m.SessionCommand], Awaitable[m.Message]]  # the reply of a user's session


def main_handlers(
    accounts: Accounts,
    chats: Chats,
    joining: Joining,
    desk: BankDesk,
    figures: Figures,
    bank: Bank,
    to_session: Asked,
) -> dict[type[m.Message], Handler]:
    """Who answers students: about accounts, figures, subjects; and departments about the bank."""

    async def erase_account(message: m.EraseAccount) -> m.Message:
        await joining.settle(message.user)
        return await accounts.erase_account(message, joining.end_sessions)

    async def erase_from_telegram(message: m.EraseFromTelegram) -> m.Message:
        await joining.settle(message.user)
        return await accounts.erase_from_telegram(message, joining.end_sessions)

    async def show_favorites(message: m.ShowFavoritesById) -> m.Message:
        ids = {bank.find(question, message.subject): question for question in message.questions}
        found = await to_session(m.ShowFavorites(user=message.user, questions=tuple(ids)))
        assert isinstance(found, m.Favorites)
        return m.FavoritesById(questions=frozenset(ids[number] for number in found.questions))

    async def set_favorite(message: m.SetFavoriteById) -> m.Message:
        number = bank.find(message.question, message.subject)
        return await to_session(m.SetFavorite(user=message.user, question=number, favorite=message.favorite))

    async def show_training(message: m.ShowTrainingById) -> m.Message:
        """The session knows its last training best; all others are in the read models."""
        try:
            return await to_session(m.ShowTraining(user=message.user, training=message.training))
        except m.NotFound:
            return await figures.show_training(message)

    return {
        m.Register: accounts.register,
        m.OpenToken: accounts.open_token,
        m.CloseToken: accounts.close_token,
        m.Authenticate: accounts.authenticate,
        m.ShowProfile: accounts.show_profile,
        m.ChangeProfile: accounts.change_profile,
        m.EraseAccount: erase_account,
        m.EraseFromTelegram: erase_from_telegram,
        m.LinkAccounts: joining.link,
        m.ExportAccount: accounts.export,
        m.CreateLinkCode: accounts.create_link_code,
        m.ReportQuestion: accounts.report_question,
        m.MeetChat: chats.meet,
        m.FindChats: chats.find,
        m.KeepChat: chats.keep,
        m.MarkUnreachable: chats.mark_unreachable,
        m.LoadUpdatesState: chats.load_updates_state,
        m.SaveUpdatesState: chats.save_updates_state,
        m.ShowFavoritesById: show_favorites,
        m.SetFavoriteById: set_favorite,
        m.ShowTrainingById: show_training,
        m.ListTrainings: figures.list_trainings,
        m.ShowStatistics: figures.show_statistics,
        m.DrawStatistics: figures.draw_statistics,
        m.ShowLeaderboard: figures.show_leaderboard,
        m.ListSubjects: desk.list_subjects,
        m.ShowSubjectSchema: desk.show_subject_schema,
        m.ShowFile: desk.show_file,
        m.ValidateBank: desk.validate_bank,
        m.ImportBank: desk.import_bank,
        m.ExportBank: desk.export_bank,
        m.ShowBankTemplate: desk.show_template,
        m.MarkBankErrors: desk.mark_errors,
        m.ListQuestions: desk.list_questions,
        m.ShowBankQuestion: desk.show_question,
        m.ChangeQuestion: desk.change_question,
        m.ArchiveQuestion: desk.archive_question,
    }


def broadcast_handlers(desk: BroadcastDesk, broadcaster: ActorRef[Broadcaster]) -> dict[type[m.Message], Handler]:
    """Who answers what about mass messages."""

    async def ask(message: m.BroadcastCommand) -> m.Message:
        try:
            reply: m.Message = await broadcaster.ask(message, block=False)
        except (ActorDeadError, MailboxFull):
            raise m.Unavailable("Broadcasts cannot be changed at the moment. Please try again.") from None
        return reply

    return {
        m.CreateBroadcast: desk.create,
        m.ListBroadcasts: desk.page,
        m.ShowBroadcast: desk.show,
        m.CountAudience: desk.count_audience,
        m.ChangeBroadcast: desk.change,
        m.ShowBroadcastContent: desk.content,
        m.NoteBroadcastPress: desk.note_press,
        m.StartBroadcast: ask,
        m.PauseBroadcast: ask,
        m.ResumeBroadcast: ask,
        m.CancelBroadcast: ask,
    }


def contest_handlers(desk: ContestDesk) -> dict[type[m.Message], Handler]:
    """Who answers what about contests."""
    return {
        m.CreateContest: desk.create,
        m.ChangeContest: desk.change,
        m.DeleteContest: desk.delete,
        m.ShowPlan: desk.show_plan,
        m.ListPlans: desk.list_plans,
        m.ListContests: desk.list_contests,
        m.ShowContest: desk.show,
        m.JoinContest: desk.join,
        m.StartContest: desk.start,
        m.ShowContestLeaderboard: desk.leaderboard,
    }


def administration_handlers(administration: Administration, audit: AuditLog) -> dict[type[m.Message], Handler]:
    """Who answers administrators about users, spreadsheets, parked steps and acts."""
    return {
        m.FindUsers: administration.find_users,
        m.ShowUser: administration.show_user,
        m.ChangeUser: administration.change_user,
        m.EraseUser: administration.erase_user,
        m.ResetPassword: administration.reset_password,
        m.MakeSpreadsheet: administration.make_spreadsheet,
        m.MakeContestSpreadsheet: administration.make_contest_spreadsheet,
        m.ListParked: administration.list_parked,
        m.RetryParked: administration.retry,
        m.RetryAllParked: administration.retry_all,
        m.ListAudit: audit.show,
    }


def analytics_handlers(desk: AnalyticsDesk) -> dict[type[m.Message], Handler]:
    """Who answers what about activity."""
    return {
        m.ShowQuestionQuality: desk.show_question,
        m.ShowSubjectQuality: desk.show_subject,
        m.ShowAnalytics: desk.show_analytics,
    }


def department_handlers(
    desk: BankDesk, checks: BankChecks, history: History, reports: ReportDesk
) -> dict[type[m.Message], Handler]:
    """Who answers departments about uploads, subjects, history and reports; and students about their reports."""
    return {
        m.OpenCheck: checks.open_check,
        m.ShowCheck: checks.show,
        m.ListChecked: checks.questions,
        m.ImportChecked: checks.import_checked,
        m.MarkCheckedErrors: checks.mark_errors,
        m.ShowCheckedPicture: checks.picture,
        m.ShowSubject: desk.show_subject,
        m.CreateSubject: desk.create_subject,
        m.ChangeSubject: desk.change_subject,
        m.PreviewQuestion: desk.preview_question,
        m.PreviewChange: desk.preview_change,
        m.RestoreQuestion: desk.restore_question,
        m.ShowHistory: history.show,
        m.ListReports: reports.page,
        m.CountReports: reports.count,
        m.CloseReport: reports.close,
        m.ListOwnReports: reports.own,
        m.MarkReportSeen: reports.saw,
    }
