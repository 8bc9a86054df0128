"""Bytes from and to the editor: frames, the two threads that move them, stdio and TCP."""
