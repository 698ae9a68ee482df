"""What agencies say about their own services, laid over what the sources of the directory say."""
