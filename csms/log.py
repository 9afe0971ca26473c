"""structlog set-up, and the fields that are never logged.

One line per event on standard error: JSON, or colours on a terminal. Secrets are replaced by name of their
field and by their look (`Basic ...`, `Bearer ...`), whoever logs them (B-06).
"""

import io
import logging
import re
import sys
from collections.abc import Mapping

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED = "***"
_SECRET_FIELD = re.compile(
    r"password|passwd|authorization|secret|credential|token|(^|_)key$|pin$", re.IGNORECASE
)
_SECRET_TEXT = re.compile(r"\b(Basic|Bearer)\s+[A-Za-z0-9+/=_.~-]+")
_LOUD = ("uvicorn", "websockets", "alembic", "aiosqlite", "asyncio", "httpx", "matplotlib")


def configure(level: str, form: str) -> None:
    """Set structlog and the standard library's logging up; `form` is `auto`, `json` or `console`."""
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    last: list[Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if console
        else [structlog.processors.JSONRenderer(serializer=_to_json)]
    )
    structlog.configure(
        processors=[*processors, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr) if console else _bytes_logger_factory(),
        cache_logger_on_first_use=True,
    )
    _capture_standard_library(processors, console, number)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace what nobody may read, at any depth."""
    return {name: _clean(name, value) for name, value in event.items()}


def _clean(name: str, value: object) -> object:
    if _SECRET_FIELD.search(name) and value is not None:
        return REDACTED
    if isinstance(value, str):
        return _SECRET_TEXT.sub(rf"\1 {REDACTED}", value)
    if isinstance(value, Mapping):
        return {str(key): _clean(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", inner) for inner in value]
    return value


def _to_json(event: object, **_: object) -> bytes:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS)


def _bytes_logger_factory() -> structlog.BytesLoggerFactory:
    # BytesLogger wants the binary stream beneath; a replaced stderr (tests) may not have one.
    stream = getattr(sys.stderr, "buffer", None)
    return structlog.BytesLoggerFactory(stream if stream is not None else io.BytesIO())


def _capture_standard_library(processors: list[Processor], console: bool, number: int) -> None:
    """What libraries say through `logging` goes the same way; never below WARNING: they log whole headers."""
    renderer: Processor = (
        structlog.dev.ConsoleRenderer()
        if console
        else structlog.processors.JSONRenderer(serializer=lambda event, **_: _to_json(event).decode())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))
    for name in _LOUD:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
