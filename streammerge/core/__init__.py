"""What is decided without touching the world: keys, layouts, the join, selection, names, the plan, the report.

Nothing here reads a clock, a file, a socket or a random number; the same input gives the same output.
"""
