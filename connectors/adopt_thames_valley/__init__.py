"""Adopt Thames Valley: the regional adoption agency; finds families for Swindon's children, and hears of their cases."""
