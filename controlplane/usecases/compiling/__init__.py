"""From contracts to what the gate and the engines work with."""
