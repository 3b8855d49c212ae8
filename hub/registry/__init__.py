"""The registry: which schemas a caller may see, told as Confluent's Schema Registry tells it; it takes in none."""
