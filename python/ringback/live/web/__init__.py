"""HTTP requests that calls make: the api node's and remote flows'. Private addresses are refused."""
