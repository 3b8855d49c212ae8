"""Coram-i: collects figures on adoption and special guardianship each quarter; authorities take part as they choose."""
