"""The Child Health Information Service: keeps every child's health record, and hears where they live and learn."""
