"""What can be called here, for programs that read such descriptions: CDS Hooks, health and keys as OpenAPI 3.1."""
