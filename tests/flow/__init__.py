"""The whole hub at work: its processes started as a person starts them, real sockets, a real Kafka."""
