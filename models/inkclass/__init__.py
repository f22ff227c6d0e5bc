"""The ink classifier's factory: samples from physics, training, held-out evaluation, release."""
