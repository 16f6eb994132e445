"""Tasks, padding and fusers as one: compose, fit, predict, save, load."""
