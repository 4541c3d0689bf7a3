"""The parts of the loopback stand-in: key rules, buckets, traffic rules, and the bytes on the wire."""
