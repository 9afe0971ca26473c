"""Serves `static/`; what is shown there comes from the REST API only."""

from pathlib import Path

from fastapi import FastAPI
from starlette.responses import FileResponse

_PAGE = Path(__file__).parent / "static" / "index.html"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; style-src 'self'; script-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def mount(app: FastAPI) -> None:
    """Serve the status page at `/`."""

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_PAGE, headers=_HEADERS, media_type="text/html")
