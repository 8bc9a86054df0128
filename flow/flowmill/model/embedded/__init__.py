"""The embedded model: official weights in the cache, served by a process of its own on loopback."""
