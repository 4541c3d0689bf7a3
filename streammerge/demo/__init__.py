"""The demo: a real S3 server on this machine, two small data sets with the usual faults, and a merge of them."""
