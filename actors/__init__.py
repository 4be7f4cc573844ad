"""Who does the work: the actors of the trainer and the runtime that they live on."""
