"""Threads that run one at a time, in an order that a test chooses, and that end at any of their pauses.

A test lets its threads pause where another process could act: before a lock, a replacement or a read. So
every order of these steps can be tried, and a failing order can be repeated. Not here: what the threads do.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field


class KilledError(BaseException):
    """The end of a thread at a pause. No code that handles errors catches it."""


@dataclass(frozen=True)
class Choice:
    """What happens next.

    Attributes:
        position: The position of the thread that goes on, among those that still run. The last is the one
            that ran before.
        steps: The number of its pauses until the next choice.
        is_kill: Whether it ends after that.
    """

    position: int
    steps: int = 1
    is_kill: bool = False


@dataclass
class _Actor:
    """A thread and its state.

    Attributes:
        thread: The thread.
        may_go: The event that ends its pause.
        has_paused: The event of its next pause, or of its end.
        is_killed: Whether its pause ends with its end.
        has_ended: Whether its action has ended.
        error: The error that ended it.
    """

    thread: threading.Thread
    may_go: threading.Event = field(default_factory=threading.Event)
    has_paused: threading.Event = field(default_factory=threading.Event)
    is_killed: bool = False
    has_ended: bool = False
    error: BaseException | None = None


class Interleaving:
    """A group of threads of which one runs at a time."""

    def __init__(self) -> None:
        self._actors: dict[str, _Actor] = {}

    def pause(self) -> None:
        """Wait until this thread is chosen. Any other thread, such as that of the test, goes on."""
        actor = self._actors.get(threading.current_thread().name)
        if actor is None or actor.thread is not threading.current_thread():
            return
        actor.has_paused.set()
        actor.may_go.wait()
        actor.may_go.clear()
        if actor.is_killed:
            raise KilledError

    def run(
        self, actions: Mapping[str, Callable[[], object]], choices: Iterable[Choice]
    ) -> dict[str, BaseException]:
        """Run actions side by side until all have ended. After the last choice, each goes on in turn.

        Returns:
            The error of each action that raised one. An action that was killed has a `KilledError`.
        """
        for name, action in actions.items():
            thread = threading.Thread(target=self._act, args=(name, action), name=name, daemon=True)
            self._actors[name] = _Actor(thread)
            thread.start()
        running = list(self._actors.values())
        remaining = iter(choices)
        while running:
            choice = next(remaining, Choice(0))
            position = choice.position % len(running)
            running = _run_first(running[position:] + running[:position], choice)
        errors = {name: actor.error for name, actor in self._actors.items() if actor.error}
        self._actors.clear()
        return errors

    def _act(self, name: str, action: Callable[[], object]) -> None:
        actor = self._actors[name]
        try:
            self.pause()
            action()
        except BaseException as error:  # noqa: BLE001  the test judges it
            actor.error = error
        finally:
            actor.has_ended = True
            actor.has_paused.set()


def _run_first(running: Sequence[_Actor], choice: Choice) -> list[_Actor]:
    """Let the first thread run for some steps, and return those that still run, it as the last."""
    first, *others = running
    first.has_paused.wait()
    for step in range(choice.steps + choice.is_kill):
        first.has_paused.clear()
        first.is_killed = step == choice.steps
        first.may_go.set()
        first.has_paused.wait()
        if first.has_ended:
            return others
    return [*others, first]
