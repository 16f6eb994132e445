"""What every Keras network of the project needs; only Keras code imports this room."""
