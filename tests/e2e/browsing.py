"""Looking at pages as a person does: a real browser over a real server on loopback, with the accessibility rules of axe."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, sync_playwright

from controlplane.usecases.facade import Plane
from controlplane.usecases.sign_in import Access

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NEEDS = "needs Chromium: apt-get install -y chromium"
VIEWS = [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)]
MOST_BYTES, MOST_ELEMENTS = 60_000, 1_500


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an application on a free port of loopback; yields its address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                message = "the server did not start"
                raise RuntimeError(message)
            threading.Event().wait(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def signed_in(browser: Browser, url: str, plane: Plane, *, scheme: str = "light", width: int = 1280) -> Page:
    """Return a page of a new visitor who has followed a one-time link."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(url + Access(plane.ports).new_link())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/")
    return page


def look(page: Page, name: str) -> None:
    """Assert what holds of every page, and keep a picture of it where ``SCREENSHOTS`` names a folder.

    Nothing for axe to find, no sideways scrolling, one ``h1``, not too heavy, nothing from elsewhere, no inline style or script.
    """
    html = page.content()
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
    found = Axe().run(page)
    assert not found.response["violations"], f"{name}: {found.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways"
    assert page.locator("h1").count() == 1, name
    assert len(html.encode()) <= MOST_BYTES, f"{name}: {len(html.encode())} bytes"
    assert page.evaluate("document.querySelectorAll('*').length") <= MOST_ELEMENTS, name
    assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]* src=)", html), f"{name} has inline code"


def watch_console(page: Page) -> list[str]:
    """Return the list that the page's errors go to: scripts, refused by the content policy, not found."""
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    return errors


needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason=NEEDS)
