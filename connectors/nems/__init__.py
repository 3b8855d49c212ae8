"""National Events Management Service: says what changed of a person in the national demographics; hears nothing."""
