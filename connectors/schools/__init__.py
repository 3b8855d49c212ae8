"""Swindon's schools: mark their registers and list their pupils, and hear of their own pupils in care."""
