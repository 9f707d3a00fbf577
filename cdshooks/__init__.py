"""A CDS Hooks service that tells an ordering clinician what a CAR-T prior authorization still needs."""

__version__ = "0.1.0"
