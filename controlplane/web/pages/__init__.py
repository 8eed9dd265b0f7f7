"""One module a group of pages; each has a ``router`` that ``controlplane.web.app`` takes in."""
