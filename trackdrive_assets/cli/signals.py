"""The signals that end a command: Ctrl-C, SIGTERM, and SIGHUP of a terminal that closes.

Each raises an exception in the main thread, so that the command removes its temporary files. Dagster raises
its own exception while it runs a step.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

GRACE = 30
"""Seconds from a signal to the end of the process, if it does not end by itself."""

_MOMENT = 0.05
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndedBySignal(KeyboardInterrupt):
    """The end of a command by a signal. Libraries treat it as Ctrl-C.

    Attributes:
        number: The number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def raised_signals() -> Iterator[None]:
    """Raise `EndedBySignal` in the block for the first signal, and ignore the next ones.

    A signal that was ignored before, as by `nohup`, stays ignored.
    """
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    hook = sys.unraisablehook
    for number, handler in handlers.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _raise)
    sys.unraisablehook = _send_again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in handlers.items():
            signal.signal(number, handler)


def wait_for_signal() -> None:
    """Return when a signal has come. Only for a block of `raised_signals`."""
    with suppress(EndedBySignal):
        while True:
            # `signal.pause` would wait for ever if the signal comes just before it.
            time.sleep(_MOMENT)


@contextmanager
def dagster_signals() -> Iterator[None]:
    """Run Dagster in this process, and raise `EndedBySignal` at the end of the block for a signal that came.

    Dagster has its own handlers while it runs. It raises its own exception, or none: it drops a signal that
    comes when a run is about to end. It also gives SIGTERM the handler of SIGINT. A shell without a terminal
    lets the commands in its background ignore SIGINT, and then Dagster would ignore SIGTERM too.
    """
    ends_by = set(_SIGNALS)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        ends_by.remove(signal.SIGINT)
        signal.signal(signal.SIGINT, _raise_but_not_for_interrupts)
    received, sender = os.pipe()
    os.set_blocking(received, False)
    os.set_blocking(sender, False)
    before = signal.set_wakeup_fd(sender)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(sender)
        if signal.SIGINT not in ends_by:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        with os.fdopen(received, "rb") as numbers:
            came = [number for number in numbers.read() if number in ends_by]
        if came:
            raise EndedBySignal(came[0])


def _raise_but_not_for_interrupts(number: int, frame: FrameType | None) -> None:
    if number != signal.SIGINT:
        _raise(number, frame)


def _raise(number: int, _: FrameType | None) -> None:
    # Another signal would interrupt the removal of temporary files. The alarm ends a removal that hangs.
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    signal.alarm(GRACE)
    raise EndedBySignal(number)


def _send_again(lost: "sys.UnraisableHookArgs") -> None:
    """Send a signal again if Python dropped its exception, because an object was just being deleted."""
    error = lost.exc_value
    if error is None or isinstance(error, Exception):
        sys.__unraisablehook__(lost)
        return
    # Without a number it is the exception of Dagster, which has the same for all signals.
    number = error.number if isinstance(error, EndedBySignal) else signal.SIGINT
    if isinstance(error, EndedBySignal):
        signal.signal(number, _raise)
    # In a moment the object is deleted.
    threading.Timer(_MOMENT, os.kill, (os.getpid(), number)).start()
