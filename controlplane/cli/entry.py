"""The command tree, and the one place where errors become sentences and exit codes."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

import click

from controlplane.cli import codes
from controlplane.kernel.errors import ControlPlaneError

_COMMANDS = {
    "check": "checking", "lint": "linting", "run": "running", "runs": "running", "hold": "running",
    "quarantine": "running", "lineage": "tracing", "doctor": "diagnosing", "init": "starting", "pii": "proving",
    "sla": "promising", "serve": "serving", "alerts": "alerting", "token": "entering",
}  # fmt: skip


class LateGroup(click.Group):
    """A group that imports a command's module only when that command is asked for, so that ``--help`` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Return the names of all commands."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        """Return a command by name, imported now."""
        from importlib import import_module  # noqa: PLC0415 (late on purpose)

        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(f"controlplane.cli.{_COMMANDS[cmd_name]}"), f"{cmd_name}_command")
        return command if isinstance(command, click.Command) else None


@click.group(cls=LateGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="controlplane")
def controlplane() -> None:
    """Let no bad, late or unmasked row reach the people who read a lakehouse."""


def run(arguments: Sequence[str]) -> int:  # noqa: PLR0911 (one sentence and code per kind of error)
    """Run one command line and return its exit code."""
    try:
        result = controlplane.main(args=list(arguments), prog_name="controlplane", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        error.show()
        return codes.USAGE
    except click.Abort:
        click.echo("stopped", err=True)
        return codes.UNEVALUATED
    except click.ClickException as error:
        error.show()
        return codes.USAGE
    except ControlPlaneError as error:
        click.echo(f"controlplane: {error}", err=True)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return codes.PASSED
    except OSError as error:
        click.echo(f"controlplane: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", err=True)
        return codes.UNAVAILABLE
    except Exception as error:  # a person never sees a stack trace; CONTROLPLANE_DEBUG shows it to a developer
        logging.getLogger("controlplane").debug("internal error", exc_info=error)
        if os.environ.get("CONTROLPLANE_DEBUG"):
            raise
        click.echo(
            f"controlplane: internal error ({type(error).__name__}); this is a defect of controlplane, please report it with "
            "what you ran (CONTROLPLANE_DEBUG=1 shows where it happened)",
            err=True,
        )
        return codes.UNEVALUATED
    return result if isinstance(result, int) else codes.PASSED
