"""OpenAI's API: the connection, its errors, asking again, and what each model can and costs."""
