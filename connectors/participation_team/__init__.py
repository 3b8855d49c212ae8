"""The participation team: keeps track of what every young person of 16 and 17 is doing, and reports it to NCCIS."""
