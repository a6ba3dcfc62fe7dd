"""Whole roads from door to door: signed requests in, presses of people, and what Discord and Argo CD saw of it."""
