"""One file a verb: what people and programs ask of the control plane."""
