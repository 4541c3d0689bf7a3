"""The journal: the append-only record of the runs of a job."""
