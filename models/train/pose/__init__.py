"""Training of the pose student; runs in the training environment, never in a service's."""
