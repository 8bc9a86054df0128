"""What streams to the user while a run works, each thing through the first channel that the client has."""
