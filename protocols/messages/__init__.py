"""The one language between the rooms: questions, commands, events, replies and refusals.

Everything here is a frozen value. A wire turns what arrived into a command and asks the router; rules turn
commands into events; whoever asked gets a reply, or a `Refusal` that says what is wrong and how to mend it.
"""

from protocols.messages.accounts import *  # noqa: F403
from protocols.messages.administration import *  # noqa: F403
from protocols.messages.analytics import *  # noqa: F403
from protocols.messages.bank import *  # noqa: F403
from protocols.messages.base import *  # noqa: F403
from protocols.messages.broadcasts import *  # noqa: F403
from protocols.messages.contests import *  # noqa: F403
from protocols.messages.departments import *  # noqa: F403
from protocols.messages.questions import *  # noqa: F403
from protocols.messages.refusals import *  # noqa: F403
from protocols.messages.telegram import *  # noqa: F403
from protocols.messages.training import *  # noqa: F403
