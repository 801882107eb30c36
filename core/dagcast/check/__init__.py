"""Checks of requests and definitions against what the service accepts, before anything is sent."""
