"""The paths, fields and answers that integrations of the compatible generation already speak."""
