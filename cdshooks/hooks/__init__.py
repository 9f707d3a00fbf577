"""The CDS Hooks wire formats: what is read from a call and what is written back; no clock, no network."""
