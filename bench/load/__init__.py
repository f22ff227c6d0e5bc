"""Load of real journeys: Locust in an environment of its own, and the command that starts it."""
