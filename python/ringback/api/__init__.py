"""The HTTP API. `app.create_app(services)` makes the application; `services.ApiServices` says what it needs.

It decides nothing about calls: it checks what came in, hands it to the running side and shows what the store holds.
"""
