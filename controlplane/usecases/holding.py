"""What a run that ends means for batches of its dataset that are held."""

from __future__ import annotations

from controlplane.gate.model import InputRole, Run, RunState
from controlplane.usecases.model import Ports
from controlplane.usecases.planning import supersede


def is_batch(run: Run) -> bool:
    """Return whether a run's rows were handed over, so that no later run can stand in for it."""
    return any(pin.role is InputRole.BATCH for pin in run.plan.inputs)


def replace_held(ports: Ports, run: Run) -> None:
    """End held runs of a dataset that a newer run stands in for, because it read everything they had read."""
    if is_batch(run):
        return
    for held in ports.journal.runs(run.plan.dataset, state=RunState.HELD):
        if held.run_id != run.run_id and not is_batch(held):
            supersede(ports, held, f"run {run.run_id} read the same rows and more")
