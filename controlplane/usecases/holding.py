"""What a run that ends means for batches of its dataset that are held."""

from __future__ import annotations

from controlplane.gate.model import InputRole, Run, RunState
from controlplane.usecases.model import Ports
from controlplane.usecases.planning import supersede


def batch_key(run: Run) -> str | None:
    """Return the name of the batch a run's rows were handed over as; None for a pipeline's run."""
    return next((pin.name for pin in run.plan.inputs if pin.role is InputRole.BATCH), None)


def replace_held(ports: Ports, run: Run) -> None:
    """End held runs of a dataset that a newer run stands in for.

    A pipeline's run reads everything its held ones had read; a batch replaces only an earlier try of the same name.
    """
    for held in ports.journal.runs(run.plan.dataset, state=RunState.HELD):
        if held.run_id != run.run_id and batch_key(held) == batch_key(run):
            supersede(ports, held, f"run {run.run_id} holds the same rows and more")
