"""The health partners in the MASH: they hear of contacts, and say nothing through the hub yet."""
