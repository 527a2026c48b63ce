"""Where calls go and where they come from: numbers, routes and trunks, the parties of an INVITE, restrictions. Pure."""
