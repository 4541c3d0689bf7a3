"""The demo: a real S3 server on this machine, two small data sets with every fault that real ones have, a merge."""
