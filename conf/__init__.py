"""The configuration: the YAML files here, composed by Hydra and checked."""
