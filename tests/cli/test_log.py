"""What is logged holds no secret, whoever logs it and however deep (B-06)."""

import subprocess
import sys

from csms.log import redact
from tests.cli.conftest import ROOT, environment

CANARY = "canary-5c0d3"
SCRIPT = f"""
import logging, structlog
from csms import log
log.configure("debug", "json")
logger = structlog.get_logger()
deep = [{{"x": {{"basicAuthPassword": "{CANARY}"}}}}]
logger.info("one", password="{CANARY}", api_key="{CANARY}", nested={{"Authorization": "{CANARY}"}})
logger.warning("two", header="Basic {CANARY}", key="{CANARY}", deep=deep)
logging.getLogger("uvicorn").warning("Authorization: Bearer %s", "{CANARY}")
logging.getLogger("websockets").debug("> Authorization: %s", "{CANARY}")
try:
    raise ValueError("Bearer {CANARY}")
except ValueError:
    logger.exception("three")
"""


def test_no_canary_comes_through() -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, env=environment({}), cwd=ROOT, capture_output=True, text=True, check=True)
    assert CANARY not in done.stderr
    assert CANARY not in done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 4, done.stderr
    assert all(line.startswith("{") for line in lines)


def test_what_is_no_secret_stays() -> None:
    event = {"event": "x", "station_id": "cs1", "monkey": 1, "reason": "no password given", "n": None}
    assert redact(None, "info", dict(event)) == event
