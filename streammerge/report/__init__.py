"""Progress during a run, and its report as text, JSON or page."""
