"""The engine in a process of its own: what computes never holds up what answers the editor."""
