"""Our own paths, one file per resource. Each ends with `HANDLERS`, which `app` puts under `/v1/{sid}`."""
