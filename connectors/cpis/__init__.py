"""CP-IS, the national service by which unscheduled care sees who is on a plan: the upload, and what it answers."""
