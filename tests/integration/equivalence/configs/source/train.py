"""Stands for a user's training script; only its name and place matter here."""
