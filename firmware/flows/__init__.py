"""Push, receive, save, boot: each flow is one function that reads as a recipe."""
