"""The store: everything the control plane remembers."""
