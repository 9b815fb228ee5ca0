"""The libraries that take part: each module has a function for each job it can do.

A job is a function of `benchmarks.turns.Turns` and of a dict that says what to do. It prepares,
calls ``ready``, and measures one slice for each ``wait`` that is not ``None``.
"""
