"""The `recouple` command.

Here: arguments, what the terminal shows, the doctor, runs in this process. Not here: anything that computes.
"""
