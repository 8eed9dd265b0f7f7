"""Protection of personal data: labels, masking before any write, keys, sealing, and the proof that nothing leaked."""
