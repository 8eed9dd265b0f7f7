"""The gate: nothing reaches readers that was not planned, screened, masked, audited and decided on."""
