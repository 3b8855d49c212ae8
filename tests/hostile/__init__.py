"""Hostile input: what every parser is known to read, damaged in many ways, and watched for harm."""
