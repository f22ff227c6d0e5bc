"""What the outside sees, generated from the descriptor set: Envoy's bootstrap, its Lua door, OpenAPI."""
