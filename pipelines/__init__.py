"""The reference e-commerce platform: a client of the control plane, and its demo."""
