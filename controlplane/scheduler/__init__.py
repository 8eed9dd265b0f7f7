"""Works off what is due: threads that claim slots, a beat that keeps claims alive, and a clean end."""
