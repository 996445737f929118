"""The only modules that access the outside world: servers, files, the network."""
