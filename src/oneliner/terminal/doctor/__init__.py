"""The diagnosis: what is looked at (``probes``, ``loop``), what is made of it (``judging``), and in which order
(``walk``). :func:`oneliner.terminal.doctor.walk.diagnose` is the whole of it as a function.
"""
