"""`python -m reliability.warm`: has imported the whole server, and becomes one for each line that it is sent.

A crash audit starts the server hundreds of times, and nearly all of a start is imports. So each life is
forked from a process that has them behind it: what it does from there on, and how it dies, is `csms serve`.
"""

import json
import os
import signal
import sys

from csms import app as _imported
from csms.cli.main import run

_CHILDREN: set[int] = set()


def main() -> None:
    """One line on standard input: one more server. Its id and its end are told on standard output."""
    assert _imported
    signal.signal(signal.SIGCHLD, _bury)
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os._exit(_serve())
        _CHILDREN.add(pid)
        _tell({"pid": pid})
    for pid in _CHILDREN:
        os.kill(pid, signal.SIGKILL)


def _serve() -> int:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        return run(["serve", "--ready-json"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _bury(_number: int, _frame: object) -> None:
    for pid in list(_CHILDREN):
        dead, status = os.waitpid(pid, os.WNOHANG)
        if dead:
            _CHILDREN.discard(pid)
            _tell({"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _tell(fact: dict[str, int]) -> None:
    os.write(1, json.dumps(fact).encode() + b"\n")


if __name__ == "__main__":
    main()
