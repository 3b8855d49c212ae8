"""Identity: which identifiers name one child, held as statements that can each be taken back; no SQL, no socket."""
