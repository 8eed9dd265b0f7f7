"""``serve``: pages, API, health and schedule of one project, in one process, until it is stopped."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from datetime import timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from controlplane import open as open_project
from controlplane.cli import codes
from controlplane.cli.options import SPAN, find_project, project_option
from controlplane.kernel.clock import ShiftedClock
from controlplane.kernel.errors import ConfigurationError, ControlPlaneError, UnavailableError
from controlplane.kernel.logs import event, set_up
from controlplane.settings import load_project
from controlplane.usecases.agenda import EVALUATION
from controlplane.usecases.facade import Plane

if TYPE_CHECKING:
    from fastapi import FastAPI
    from uvicorn import Server

    from controlplane.scheduler.scheduler import Scheduler

_CLOSING = 5  # seconds that open connections have to end


@click.command("serve")
@project_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65_535), help="0 takes any free one.")
@click.option("--no-schedule", is_flag=True, help="Start no jobs; another process, or people, run pipelines.")
@click.option("--no-pages", is_flag=True, help="No pages and no API: schedule and health only.")
@click.option("--once-link", is_flag=True, help="Print a link that signs in once; always printed on a terminal.")
@click.option("--clock-behind", type=SPAN, help="Let the plane's clock stay behind, as PT90M: for replayed data.")
@click.option("--allow-remote", is_flag=True, help="Let other machines in. Answers are not encrypted: put TLS in front.")
def serve_command(  # noqa: PLR0913 (one parameter an option)
    project: Path | None,
    host: str,
    port: int,
    *,
    no_schedule: bool,
    no_pages: bool,
    once_link: bool,
    clock_behind: timedelta | None,
    allow_remote: bool,
) -> int:
    """Serve pages, API and health, and run what is due. Any number of processes may do so on one store."""
    folder = find_project(project)
    settings = load_project(folder, os.environ)
    listener = _listen(host, port, allow_remote=allow_remote)
    clock = ShiftedClock(clock_behind) if clock_behind else None
    with listener, open_project(folder, clock=clock) as plane:
        _usable(plane)
        set_up(file=settings.logs)
        url = f"http://{_written(host)}:{listener.getsockname()[1]}"
        app = _health_app(plane) if no_pages else _pages(plane, url)
        scheduler = None if no_schedule else _scheduler(plane)
        click.echo(f"controlplane serves {settings.name} at {url}{' without a schedule' if no_schedule else ''}")
        if not no_pages and (once_link or sys.stdout.isatty()):
            _print_link(plane, url)
        _serve(app, scheduler, listener)
    click.echo("controlplane has stopped")
    return codes.PASSED


def _listen(host: str, port: int, *, allow_remote: bool) -> socket.socket:
    """Return a listening socket.

    Raises:
        ConfigurationError: the address is none of this machine's, or lets others in and nobody said so.
        UnavailableError: the port is taken.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        message = f"--host {host} is no address of this machine; try 127.0.0.1"
        raise ConfigurationError(message) from error
    if not allow_remote and not ip_address(address[0]).is_loopback:
        message = (
            f"--host {host} lets other machines in, and answers are not encrypted; keep 127.0.0.1 behind a proxy that speaks "
            "TLS, or add --allow-remote"
        )
        raise ConfigurationError(message)
    try:
        return socket.create_server((str(address[0]), port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            message = f"--host {host} is no address of this machine; try 127.0.0.1"
            raise ConfigurationError(message) from error
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be opened ({error.strerror})"
        message = f"port {port} on {host} {why}; stop what uses it, or choose another with --port"
        raise UnavailableError(message) from error


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _usable(plane: Plane) -> None:
    """Bring the store to this version. One that does not answer now may answer later; one that never will is an error.

    Raises:
        ConfigurationError: the store is a newer version's, or its driver is missing.
    """
    with suppress(UnavailableError):
        plane.ports.slots.newest(EVALUATION)


def _pages(plane: Plane, url: str) -> FastAPI:
    from controlplane.web.app import create_app  # noqa: PLC0415 (half a second to import)

    return create_app(plane, base_url=url)


def _health_app(plane: Plane) -> FastAPI:
    from fastapi import FastAPI  # noqa: PLC0415 (half a second to import)

    from controlplane.api.health import instrument  # noqa: PLC0415

    app = FastAPI(openapi_url=None)
    instrument(app, plane)
    return app


def _scheduler(plane: Plane) -> Scheduler:
    from controlplane.scheduler.scheduler import Scheduler  # noqa: PLC0415 (only where it is used)
    from controlplane.usecases.scheduled_work import perform  # noqa: PLC0415
    from controlplane.usecases.watching import notice_outage  # noqa: PLC0415

    ports = plane.ports
    return Scheduler(ports.agenda, ports.slots, partial(perform, ports), watch=partial(notice_outage, ports))


def _print_link(plane: Plane, url: str) -> None:
    from controlplane.usecases.sign_in import new_link  # noqa: PLC0415 (only where it is used)

    try:
        click.echo(f"sign in with this link, once and within 10 minutes: {url}{new_link(plane.ports)}")
    except ControlPlaneError as error:
        click.echo(f"there is no link to sign in with yet: {error}", err=True)


def _serve(app: FastAPI, scheduler: Scheduler | None, listener: socket.socket) -> None:
    """Answer requests and run what is due until the process is told to stop; then end both cleanly."""
    from uvicorn import Config, Server  # noqa: PLC0415 (only where it is used)

    config = Config(
        app,
        access_log=False,  # a link that signs in stands in its address
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_CLOSING,
    )
    server = Server(config)
    _stop_on_signals(server)
    if scheduler is not None:
        scheduler.start()
    try:
        server.run(sockets=[listener])
    finally:
        if scheduler is not None:
            scheduler.stop()
        event("stopped")


def _stop_on_signals(server: Server) -> None:
    """Let SIGTERM and SIGINT end the server, never the process: uvicorn raises them again once it has ended."""

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (signal's signature)
        server.should_exit = True

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
