"""More cores and machines: a job as tasks on a Dask cluster, each done by one worker."""
