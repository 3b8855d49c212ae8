"""Adopt Thames Valley: the regional adoption agency, which finds families for children, and hears of their cases."""
