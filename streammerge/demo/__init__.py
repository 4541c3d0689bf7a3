"""A local S3 server, a small data set, a whole merge: the first thing a newcomer runs."""
