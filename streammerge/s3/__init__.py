"""The only place that knows AWS: connecting, signing, listing, copying, and what its errors mean."""
