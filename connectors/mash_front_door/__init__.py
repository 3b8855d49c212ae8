"""The MASH front door: where every worry about a child arrives as a contact."""
