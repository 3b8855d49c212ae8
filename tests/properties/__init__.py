"""Properties that hold of every stream and every policy there is, and of any that will be."""
