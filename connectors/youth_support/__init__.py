"""The provider of youth support services: helps young people into learning or work, and hears who has neither."""
