"""Access: who calls, and what they may do; what they ask for is done elsewhere."""
