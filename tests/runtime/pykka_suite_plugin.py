"""A pytest plugin that makes Pykka's own tests, unchanged, run on this project's runtime.

Pykka's suite takes the runtime under test from its parametrised fixture `runtime`; this gives that fixture
our parameter in place of its own.
"""

from __future__ import annotations

import importlib
import threading
import time

import pytest

from actors.runtime import EventLoopActor, EventLoopFuture


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "runtime" not in metafunc.fixturenames:
        return
    runtime = importlib.import_module("tests.types").Runtime(
        name="event_loop",
        actor_class=EventLoopActor,
        event_class=threading.Event,
        future_class=EventLoopFuture,
        sleep_func=time.sleep,
    )
    ours = pytest.param(runtime, id="event_loop")
    # A mark, because pytest prefers marks to the parameters of the fixture itself.
    mark = pytest.mark.parametrize("runtime", [ours], indirect=True, scope="session")
    metafunc.definition.add_marker(mark)
