"""The allocated social worker: hears that a child with a plan is at a hospital, or was looked up in CP-IS."""
