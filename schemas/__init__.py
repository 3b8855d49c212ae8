"""What can be said: one folder a stream; who says or hears it, and how it is written, is elsewhere."""
