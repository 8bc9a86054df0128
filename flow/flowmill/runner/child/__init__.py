"""The program that runs in the user's interpreter, under CPython 3.9 to 3.14 and pytest 7 to 9.

It may use nothing but the standard library and pytest; `flowmill.runner.program` packs it
into the one file that the interpreter is started with. The order comes as JSON on stdin;
the report goes as JSON lines to the descriptor named in `$FLOWMILL_RESULTS`.
"""
