"""The ways in which a task ends without having done what it was asked."""

import signal

from invoke.exceptions import Exit


class Refused(Exit):
    """What is so, and what to do about it, in one sentence. Invoke prints it and exits with 1."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message, code)


class StoppedForUsers(Refused):
    """People are at work where the next step would disturb them. Exit code 3."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 3)


class Interrupted(Refused):
    """Ctrl-C, which Invoke itself would swallow: exit code 130. Other signals: 128 and their number, as in a shell."""

    def __init__(self, message: str, code: int = 130) -> None:
        super().__init__(message, code)


class Terminated(KeyboardInterrupt):
    """Another signal than Ctrl-C's, where a task has something to give back first."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__()
        self.code = 128 + number
