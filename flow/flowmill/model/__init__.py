"""Asking a model: the client of OpenAI-compatible servers, its profiles, and its scripted stand-ins.

Nothing is imported here: `flowmill.model.client` brings the `openai` package, which
takes a third of a second, so only who really asks a model pays for it.
"""
