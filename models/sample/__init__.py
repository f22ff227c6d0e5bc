"""The sample photo that the product ships: made by us, labelled as such."""
