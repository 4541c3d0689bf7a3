"""Pure decisions, without I/O: names, copies, counts, cost."""
