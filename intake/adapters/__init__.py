"""The only modules that touch the outside world: servers, files, the network."""
