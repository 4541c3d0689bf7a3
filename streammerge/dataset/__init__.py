"""What a data set is: objects and their keys, layouts, filters, identities, and the job that merges some."""
