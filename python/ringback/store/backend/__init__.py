"""The inside of the store: connections, statements, encryption. Nothing outside `ringback.store` imports it."""
